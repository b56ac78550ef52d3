import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { runCli } from "./helpers/cli.js";
import { repoFile, temporaryFolder } from "./helpers/data.js";

const folder = await temporaryFolder();
const config = await folder.write(
  "run.yaml",
  JSON.stringify({
    base_model: repoFile("assets/medtiny-f16.gguf"),
    adapter: "lora",
    datasets: [{ path: "absent.jsonl", type: "chatml" }],
    output_dir: "out",
  }),
);

test("--dashboard without a port takes a free one; the configuration behind it is no port", async () => {
  for (const args of [
    ["train", "--dashboard", config],
    ["train", config, "--dashboard"],
  ]) {
    const { code, stderr, stdout } = await runCli(args);
    assert.equal(code, 1);
    assert.match(stderr, /^dashboard: http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}\/$/m);
    assert.match(stderr, /absent\.jsonl.*\[FILE_NOT_FOUND\]/);
    assert.equal(stdout, "");
  }
});

test("a port that was asked for and is taken fails before anything is trained", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const { code, stderr } = await runCli(["train", config, `--dashboard=${port}`]);
  server.close();
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`Port ${port} is in use.*\\[BUSY\\]`));
});

test("what is no port is a wrong command line", async () => {
  for (const port of ["x", "-1", "65536", "80.5"]) {
    const { code, stderr } = await runCli(["train", config, `--dashboard=${port}`]);
    assert.equal(code, 2, port);
    assert.match(stderr, /ARGUMENT_INVALID/);
  }
});
