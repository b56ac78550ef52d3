import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import type { ErrorCode } from "../../dist/errors.js";
import { downloadBenchmarks } from "../../dist/eval/download/download.js";
import { fetchFile } from "../../dist/eval/download/fetchFile.js";
import { downloadSource } from "../../dist/eval/download/sources.js";
import { GENERATION_TASKS, LIKELIHOOD_TASKS } from "../../dist/eval/tasks/index.js";
import { sha256Text } from "../../dist/util/hash.js";
import { runCli } from "./helpers/cli.js";
import { jsonLines, temporaryFolder } from "./helpers/data.js";
import { fails } from "./helpers/results.js";

const folder = await temporaryFolder();

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const paths = new Map<string, Answer>();
const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(request.url!);
  const answer = paths.get(request.url!);
  if (answer === undefined) response.writeHead(404).end("absent");
  else answer(request, response);
}).listen(0, "127.0.0.1");
await once(server, "listening");
after(() => {
  server.closeAllConnections();
  server.close();
});
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const sends =
  (content: string): Answer =>
  (_, response) =>
    response.end(content);

describe("fetching a file", () => {
  it("writes it whole, with hash and progress, in a folder that is made", async () => {
    const content = "x".repeat(200_000);
    paths.set("/plain", sends(content));
    const seen: Array<[number, number | undefined]> = [];
    const path = folder.path("new/deep/file.txt");
    const fetched = await fetchFile({
      url: `${base}/plain`,
      path,
      onProgress: (bytes, total) => seen.push([bytes, total]),
    });
    assert.deepEqual(fetched, { path, url: `${base}/plain`, bytes: 200_000, sha256: sha256Text(content) });
    assert.equal(await readFile(path, "utf8"), content);
    assert.deepEqual(seen.at(-1), [200_000, 200_000]);
  });

  it("unpacks what the server packed", async () => {
    paths.set("/packed", (_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("hello")),
    );
    const path = folder.path("packed.txt");
    assert.equal((await fetchFile({ url: `${base}/packed`, path })).bytes, 5);
  });

  it("follows five redirects, relative ones too, and no sixth", async () => {
    for (let i = 0; i < 6; i++)
      paths.set(`/hop${i}`, (_, response) =>
        response.writeHead(302, { location: i === 5 ? "/plain" : `hop${i + 1}` }).end(),
      );
    await fetchFile({ url: `${base}/hop1`, path: folder.path("hop.txt") });
    await assert.rejects(
      fetchFile({ url: `${base}/hop0`, path: folder.path("hop0.txt") }),
      fails("NETWORK_FAILED", /leads on more than 5 times/),
    );
  });

  it("is refused over plain http, also behind a redirect, and with a password", async () => {
    paths.set("/away", (_, response) => response.writeHead(301, { location: "http://example.org/x" }).end());
    await assert.rejects(
      fetchFile({ url: `${base}/away`, path: folder.path("away") }),
      fails("NETWORK_FAILED", /leads to an address that is not https/),
    );
    for (const url of [
      "http://example.org/x",
      "ftp://127.0.0.1/x",
      "https://a:b@example.org/x",
      "file:///etc/passwd",
      "x",
    ])
      await assert.rejects(fetchFile({ url, path: folder.path("no") }), fails("ARGUMENT_INVALID", /by https/));
  });

  it("that fails leaves nothing behind and an older file as it was", async () => {
    const path = folder.path("kept/old.txt");
    paths.set("/plain", sends("new"));
    await fetchFile({ url: `${base}/plain`, path });
    await writeFile(path, "old");
    paths.set("/early", (_, response) => {
      response.writeHead(200, { "content-length": "1000" }).write("some");
      setImmediate(() => response.destroy());
    });
    paths.set("/large", sends("y".repeat(1001)));
    const cases: Array<[string, ErrorCode, RegExp]> = [
      ["/none", "NETWORK_FAILED", /\/none answers with status 404\. Try later/],
      ["/early", "NETWORK_FAILED", /\/early/],
      ["/large", "NETWORK_FAILED", /sends more than 1000 bytes/],
    ];
    for (const [name, code, message] of cases)
      await assert.rejects(fetchFile({ url: base + name, path, maxBytes: 1000 }), fails(code, message));
    assert.equal(await readFile(path, "utf8"), "old");
    assert.deepEqual(await readdir(folder.path("kept")), ["old.txt"]);
  });

  it("stops on request", async () => {
    const controller = new AbortController();
    paths.set("/slow", (_, response) => {
      response.writeHead(200).write("a");
      setImmediate(() => controller.abort());
    });
    const slow = fetchFile({ url: `${base}/slow`, path: folder.path("slow"), signal: controller.signal });
    await assert.rejects(slow, fails("ABORTED", /stopped/));
  });

  it("from a host that cannot be reached says why", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, "close");
    await assert.rejects(
      fetchFile({ url: `http://127.0.0.1:${port}/x`, path: folder.path("off") }),
      fails("NETWORK_FAILED", /cannot be reached \(ECONNREFUSED\); this computer may be offline/),
    );
  });
});

describe("the table of sources", () => {
  const singles = [...GENERATION_TASKS, ...LIKELIHOOD_TASKS.filter((task) => task.kind === "likelihood")];
  it("is https throughout, and lacks only the set that is published as an archive", () => {
    const lacking = singles.filter(({ name }) => downloadSource(name) === undefined).map(({ name }) => name);
    assert.deepEqual(lacking, ["medqa_5options", "medqa_5options_likelihood"]);
    for (const { name } of singles)
      for (const { url, file } of downloadSource(name)?.files ?? []) {
        assert.match(url, /^https:\/\/(raw\.githubusercontent\.com|huggingface\.co)\//);
        assert.match(file, /^[a-z]+\/[\w/.-]+$/);
      }
    assert.equal(downloadSource("no_task"), undefined);
  });
});

describe("downloading benchmarks", () => {
  const record = (label: string) => ({ QUESTION: "Is it?", CONTEXTS: ["So."], final_decision: label });

  it("makes PubMedQA's test set of its two files, and fetches nothing twice", async () => {
    paths.set(
      "/m/pubmedqa/ori_pqal.json",
      sends(JSON.stringify({ 1: record("yes"), 2: record("no"), 3: record("maybe") })),
    );
    paths.set("/m/pubmedqa/test_ground_truth.json", sends(JSON.stringify({ 3: "maybe", 1: "yes" })));
    const options = { tasks: ["pubmedqa", "pubmedqa_likelihood"], folder: folder.path("bench"), mirror: `${base}/m/` };
    const first = await downloadBenchmarks(options);
    assert.equal(first.files.length, 2);
    assert.deepEqual(first.present, ["pubmedqa_likelihood"]);
    assert.deepEqual(first.different, [{ task: "pubmedqa", questions: 2, published: 500 }]);
    const made = JSON.parse(await readFile(folder.path("bench/pubmedqa/test_set.json"), "utf8")) as object;
    assert.deepEqual(made, { 1: record("yes"), 3: record("maybe") });
    asked.length = 0;
    const second = await downloadBenchmarks(options);
    assert.deepEqual([second.files, second.present, asked], [[], options.tasks, []]);
  });

  it("refuses a file that is not the task's, naming it", async () => {
    paths.set("/m/arc/ARC-Easy-Test.parquet", sends("<html>Log in</html>"));
    const wrong = downloadBenchmarks({ tasks: ["arc_easy"], folder: folder.path("wrong"), mirror: `${base}/m` });
    await assert.rejects(wrong, fails("DATA_INVALID", /ARC-Easy-Test\.parquet/));
    assert.deepEqual(await readdir(folder.path("wrong/arc")), []);
  });

  it("by the command line: only with --download, and what cannot be fetched is said", async () => {
    const script = new URL("../../dist/cli/medilora-eval.js", import.meta.url).pathname;
    const cli = (...args: string[]) => runCli(args, { script });
    paths.set(
      "/c/hellaswag/hellaswag_val.jsonl",
      sends(jsonLines([{ activity_label: "A", ctx_a: "B.", ctx_b: "c", endings: ["d", "e"], label: 0 }])),
    );
    const data = folder.path("cli");
    const args = ["--task", "hellaswag,medqa_5options", "--data", data, "--mirror", `${base}/c`];
    asked.length = 0;
    const without = await cli("m.gguf", ...args);
    assert.equal(without.code, 2);
    assert.match(without.stderr, /--mirror <url>' is for --download/);
    assert.deepEqual(asked, []);
    const { code, stdout, stderr } = await cli("--download", ...args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /hellaswag_val\.jsonl: \d+ B, SHA-256 [0-9a-f]{64}\n/);
    assert.match(stdout, /medqa_5options cannot be fetched file by file; get it by hand: US\/test\.jsonl/);
    assert.match(stdout, /hellaswag: the file holds 1 questions, the published set 10042/);
    const json = JSON.parse((await cli("--download", "--json", ...args)).stdout) as { present: string[] };
    assert.deepEqual(json.present, ["hellaswag"]);
    const offline = await cli("--download", "--json", "--task", "piqa", "--data", data, "--mirror", `${base}/c`);
    assert.equal(offline.code, 1);
    assert.equal((JSON.parse(offline.stdout) as { error: { code: string } }).error.code, "NETWORK_FAILED");
  });
});
