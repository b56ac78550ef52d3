import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import type { Completion } from "../../dist/data/synthesize/backend.js";
import { EndpointBackend } from "../../dist/data/synthesize/endpoint.js";
import { isMediloraError } from "../../dist/errors.js";
import { runCli } from "./helpers/cli.js";
import { jsonLines, readJsonLines, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
const SECRET = "zebra-note";

interface Seen {
  path: string;
  authorization: string | undefined;
  body: { model: string; messages: Array<{ content: string }>; max_tokens: number; seed: number };
}

let url: string;
let seen: Seen[] = [];
/** What the server does with the n-th request, from 0. */
let respond: (response: ServerResponse, n: number) => void;

const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  let text = "";
  request.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  request.on("end", () => {
    const { url: path = "", headers } = request;
    seen.push({ path, authorization: headers.authorization, body: JSON.parse(text) as Seen["body"] });
    respond(response, seen.length - 1);
  });
});

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

function answer(response: ServerResponse, content: string, extra: object = {}): void {
  const choices = [{ message: { role: "assistant", content }, finish_reason: "stop" }];
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ choices, usage: { prompt_tokens: 11, completion_tokens: 7 }, ...extra }));
}

const request = { messages: [{ role: "user" as const, content: SECRET }], maxTokens: 30, seed: 5 };

function ask(options: { apiKey?: string; signal?: AbortSignal } = {}) {
  seen = [];
  const backend = new EndpointBackend({ url, model: "m", apiKey: options.apiKey, retryDelay: 1 });
  return backend.complete({ ...request, signal: options.signal });
}

test("a request is OpenAI's, and so is the answer", async () => {
  respond = (response) => answer(response, "Q: a?\nA: b");
  assert.deepEqual(await ask({ apiKey: "k" }), {
    text: "Q: a?\nA: b",
    promptTokens: 11,
    completionTokens: 7,
    complete: true,
  });
  assert.deepEqual(seen, [
    {
      path: "/v1/chat/completions",
      authorization: "Bearer k",
      body: { model: "m", messages: request.messages, max_tokens: 30, temperature: 0.2, seed: 5 },
    },
  ]);
  respond = (response) => {
    const choices = [{ message: { content: "cut" }, finish_reason: "length" }];
    answer(response, "", { choices, usage: null });
  };
  // Without a usage the tokens are estimated: 8 and 10 / 3 for the prompt, 8 and 3 / 3 for the answer.
  assert.deepEqual(await ask(), { text: "cut", promptTokens: 12, completionTokens: 9, complete: false });
  assert.equal(seen[0]?.authorization, undefined);
});

/** The connection is lost in the middle of the answer. */
function cutInside(response: ServerResponse): void {
  response.writeHead(200, { "content-length": "1000" });
  response.write('{"choices": [', () => response.socket?.destroy());
}

test("an answer that was cut off is asked for again", async () => {
  respond = (response, n) => (n === 0 ? cutInside(response) : answer(response, "whole"));
  assert.equal((await ask()).text, "whole");
  assert.equal(seen.length, 2);
});

test("an answer without end does not fill the memory", async () => {
  let sent = 0;
  respond = (response) => {
    const more = () => {
      sent += 1;
      if (!response.destroyed && sent < 200) response.write(" ".repeat(2 ** 20), more);
      else response.end();
    };
    more();
  };
  await assert.rejects(ask(), { code: "DATA_INVALID" });
  assert.ok(sent < 100, `${sent} MiB were read`);
});

test("a busy endpoint is asked again, up to four times in all", async () => {
  respond = (response, n) => {
    if (n === 2) return answer(response, "ok");
    response.statusCode = n === 0 ? 429 : 503;
    response.end(`busy ${SECRET}`);
  };
  assert.equal((await ask()).text, "ok");
  assert.equal(seen.length, 3);
  respond = (response) => {
    response.statusCode = 500;
    response.end(SECRET);
  };
  await assert.rejects(ask(), { code: "NETWORK_FAILED", message: /status 500/ });
  assert.equal(seen.length, 4);
});

test("what refuses one request is no error; its tokens are counted", async () => {
  const choice = (message: object, finish: string) => ({ choices: [{ message, finish_reason: finish }] });
  const filtered = choice({ content: "half a sen" }, "content_filter");
  const refusal = choice({ content: null, refusal: "I cannot." }, "stop");
  const error = (code: string) => JSON.stringify({ error: { code, message: SECRET } });
  const cases: Array<[(response: ServerResponse) => void, Partial<Completion>]> = [
    [(r) => answer(r, "", filtered), { refused: "content-filter", promptTokens: 11, completionTokens: 7 }],
    [(r) => answer(r, "", refusal), { refused: "refusal", text: "", promptTokens: 11, completionTokens: 7 }],
    // "I cannot." is estimated: 8 and 9 / 3.
    [(r) => answer(r, "", { ...refusal, usage: null }), { refused: "refusal", completionTokens: 11 }],
    [(r) => answer(r, "", choice({ content: null }, "stop")), { complete: true, text: "" }],
    [(r) => r.writeHead(400).end(error("content_filter")), { refused: "content-filter", promptTokens: 12 }],
    [(r) => r.writeHead(400).end(error("other")), { refused: "rejected", promptTokens: 12, completionTokens: 0 }],
    [(r) => r.writeHead(413).end("<html>"), { refused: "rejected" }],
    [(r) => r.writeHead(422).end(), { refused: "rejected" }],
  ];
  for (const [reply, expected] of cases) {
    respond = reply;
    const completion = await ask();
    assert.deepEqual({ ...completion, ...expected }, completion);
    assert.ok(!JSON.stringify(completion).includes(SECRET));
    assert.equal(seen.length, 1);
  }
});

test("errors and nonsense are errors without text, and redirects do not send it again", async () => {
  const cases: Array<[(response: ServerResponse) => void, string, number]> = [
    [(response) => response.writeHead(401).end(SECRET), "ARGUMENT_INVALID", 1],
    [(response) => response.writeHead(404).end(SECRET), "ARGUMENT_INVALID", 1],
    [(response) => response.end(SECRET), "DATA_INVALID", 1],
    [(response) => response.end(JSON.stringify({ choices: [], error: SECRET })), "DATA_INVALID", 1],
    [(response) => response.writeHead(307, { location: "/elsewhere" }).end(), "NETWORK_FAILED", 1],
    [(response) => response.writeHead(308, { location: "https://example.org/v1" }).end(), "NETWORK_FAILED", 1],
    [(response) => response.writeHead(302).end(), "NETWORK_FAILED", 1],
    [(response) => response.destroy(), "NETWORK_FAILED", 4],
    [cutInside, "NETWORK_FAILED", 4],
    [(response) => response.end(`{"choices": "${"x".repeat(2 ** 24)}"}`), "DATA_INVALID", 1],
  ];
  for (const [reply, code, requests] of cases) {
    respond = reply;
    await assert.rejects(ask({ apiKey: "sk-hidden" }), (error: unknown) => {
      assert.ok(isMediloraError(error));
      assert.equal(error.code, code);
      const shown = `${error.message}${error.stack}${String(error.cause)}`;
      assert.ok(!shown.includes(SECRET) && !shown.includes("sk-hidden"));
      return true;
    });
    assert.equal(seen.length, requests);
    assert.ok(seen.every(({ path }) => path === "/v1/chat/completions"));
  }
});

test("an abort ends the request", async () => {
  const controller = new AbortController();
  respond = () => controller.abort();
  await assert.rejects(ask({ signal: controller.signal }), { code: "ABORTED" });
});

test("medical text travels only encrypted or to this computer, and no password stands in a URL", () => {
  const bad = [
    "http://example.org/v1",
    "ftp://localhost/",
    "nonsense",
    "https://u:p@example.org/v1",
    "https://example.org/v1?key=1",
  ];
  for (const one of bad)
    assert.throws(() => new EndpointBackend({ url: one, model: "m" }), { code: "ARGUMENT_INVALID" }, one);
  for (const one of ["https://example.org/v1", "http://localhost:1/v1", "http://[::1]:1/v1"])
    assert.match(new EndpointBackend({ url: one, model: "m" }).id.url ?? "", /\/v1\/chat\/completions$/);
});

test("the command line sends nothing without --allow-upload, and states the cost before it does", async () => {
  const from = await folder.write("from.jsonl", jsonLines([{ id: "n1", text: SECRET }]));
  const prices = await folder.write(
    "prices.json",
    JSON.stringify({ m: { currency: "USD", prompt_per_million: 1000, completion_per_million: 1000 } }),
  );
  const output = folder.path("out.jsonl");
  const args = ["prepare", "synthesize", "--from", from, "--output", output, "--token-budget", "5000", "--pairs", "1"];
  const endpoint = [...args, "--endpoint", url, "--endpoint-model", "m", "--prices", prices];
  respond = (response) => answer(response, "Q: What helps?\nA: Rest helps.");
  seen = [];
  const refused = await runCli(endpoint);
  assert.deepEqual([refused.code, seen.length], [2, 0]);
  assert.match(refused.stderr, /--allow-upload/);
  assert.equal((await runCli(args)).code, 2);
  assert.equal((await runCli([...endpoint, "--allow-upload", "--api-key-env", "MEDILORA_NO_SUCH"])).code, 2);
  const dry = await runCli([...endpoint, "--allow-upload", "--dry-run", "--json"]);
  assert.deepEqual([dry.code, seen.length, (JSON.parse(dry.stdout) as { passages: number }).passages], [0, 0, 1]);
  let statedFirst = false;
  const done = await runCli([...endpoint, "--allow-upload", "--api-key-env", "TEST_KEY"], {
    env: { TEST_KEY: "k" },
    onStart: (child) => child.stderr?.once("data", (text: string) => (statedFirst = text.startsWith("plan:"))),
  });
  assert.equal(done.code, 0, done.stderr);
  assert.ok(statedFirst);
  assert.match(done.stderr, /plan: 1 passages of 1 documents; .* cost at most \d+\.\d{4} USD/);
  assert.match(done.stdout, /1 of 1 pairs kept[\s\S]*cost 0\.0180 USD/);
  assert.ok(!done.stdout.includes(SECRET) && !done.stderr.includes(SECRET));
  assert.equal(seen[0]?.authorization, "Bearer k");
  const [row] = await readJsonLines<{ synthetic: boolean; source_document: string }>(output);
  assert.deepEqual([row?.synthetic, row?.source_document], [true, "n1"]);
});

test("the command line goes on behind a refused passage, and asks again only when told to", async () => {
  const from = await folder.write("some.jsonl", jsonLines(["a", "b"].map((id) => ({ id, text: `${SECRET} ${id}` }))));
  const price = { currency: "USD", prompt_per_million: 1, completion_per_million: 1 };
  const prices = await folder.write("price.json", JSON.stringify({ m: price }));
  const args = ["--from", from, "--output", folder.path("some.out.jsonl"), "--token-budget", "9000", "--pairs", "1"];
  const endpoint = ["--endpoint", url, "--endpoint-model", "m", "--prices", prices, "--allow-upload"];
  const run = (...more: string[]) => runCli(["prepare", "synthesize", ...args, ...endpoint, ...more]);
  respond = (response, n) => (n === 0 ? response.writeHead(400).end() : answer(response, "Q: What helps?\nA: Rest."));
  seen = [];
  const first = await run();
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^2 of 2 passages \(refused: 1 rejected\), 1 of 1 pairs kept\n/);
  respond = (response) => answer(response, "Q: What else helps?\nA: Ice.");
  await run();
  assert.equal(seen.length, 2);
  const retried = await run("--retry-refused");
  assert.match(retried.stdout, /^2 of 2 passages, 2 of 2 pairs kept\n/);
  assert.equal(seen.length, 3);
});
