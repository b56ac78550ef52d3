import assert from "node:assert/strict";
import { request } from "node:http";
import { createConnection } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, beforeEach, test } from "node:test";
import { type Dashboard, startDashboard } from "../../dist/dashboard/dashboard.js";
import { applyMessage, type DashboardPoint, type DashboardView, emptyView } from "../../dist/dashboard/view.js";
import { isMediloraError } from "../../dist/errors.js";
import type { TrainProgress } from "../../dist/train/progress.js";
import { runNode } from "./helpers/cli.js";
import { startEvent, stepEvent } from "./helpers/trainEvents.js";

let dashboard: Dashboard;
beforeEach(async () => {
  dashboard = await startDashboard();
});
afterEach(() => dashboard.close());

interface Answer {
  status: number | undefined;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

function ask(url: string, options: { method?: string; host?: string } = {}): Promise<Answer> {
  const { method = "GET", host } = options;
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers: host === undefined ? {} : { host } }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    asked.on("error", reject).end();
  });
}

/** Reads events until one fits. */
async function eventsUntil(url: string, fits: (data: string, name: string) => boolean): Promise<string[]> {
  const { body } = await fetch(`${url}events`);
  const seen: string[] = [];
  let text = "";
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop()!;
    for (const block of blocks) {
      const [, name = "", data = ""] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
      if (name === "") continue;
      seen.push(data);
      if (fits(data, name)) return seen;
    }
  }
  return seen;
}

const viewOf = async (url: string): Promise<DashboardView> =>
  (JSON.parse((await eventsUntil(url, () => true))[0]!) as { view: DashboardView }).view;

test("the page needs the token, its every character, and says nothing without it", async () => {
  const { origin, pathname } = new URL(dashboard.url);
  const token = pathname.slice(1, -1);
  assert.equal(Buffer.from(token, "base64url").length, 32, "256 bits");
  assert.equal((await ask(dashboard.url)).status, 200);
  const other = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
  for (const path of [
    "/",
    "/events",
    "/favicon.ico",
    `/${other}/`,
    `/${token}x/`,
    `/${token.slice(1)}/events`,
    `/${token}`,
    "//",
  ]) {
    const { status, body, headers } = await ask(origin + path);
    assert.equal(status, 403, path);
    assert.ok(!body.includes(token) && !body.includes("Training"));
    assert.equal(headers["set-cookie"], undefined);
  }
  await using another = await startDashboard();
  assert.notEqual(new URL(another.url).pathname, pathname);
});

test("names that are not this computer's are refused, whatever they resolve to", async () => {
  for (const host of [
    "evil.example",
    "evil.example:80",
    "127.0.0.1.evil.example",
    "localhost.evil.example:1",
    "0.0.0.0",
    "127.0.0.1@evil",
  ]) {
    const { status } = await ask(dashboard.url, { host });
    assert.equal(status, 421, host);
  }
  for (const host of ["localhost:9000", "LOCALHOST", "[::1]:5", "127.0.0.1"])
    assert.equal((await ask(dashboard.url, { host })).status, 200, host);
});

test("a request without a host is refused", async () => {
  const { port, pathname } = new URL(dashboard.url);
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = createConnection(Number(port), "127.0.0.1", () => socket.end(`GET ${pathname} HTTP/1.0\r\n\r\n`));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => resolve(text)).on("error", reject);
  });
  assert.match(answer, /^HTTP\/1\.1 421 /);
});

test("it listens on the loopback address only", async (t) => {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const outer = addresses.find(({ family, internal }) => family === "IPv4" && !internal);
  if (outer === undefined) return t.skip("this computer has no other address");
  const { port } = new URL(dashboard.url);
  const code = await new Promise((resolve) => {
    const socket = createConnection(Number(port), outer.address, () => resolve("connected"));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  assert.equal(code, "ECONNREFUSED");
});

test("every answer is kept nowhere; the page's policy lets in its own script and style alone", async () => {
  const page = await ask(dashboard.url);
  const nonce = /<script type="module" nonce="([^"]+)"/.exec(page.body)?.[1];
  const policy = String(page.headers["content-security-policy"]);
  assert.deepEqual(policy.split("; "), [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]);
  assert.notEqual(String((await ask(dashboard.url)).headers["content-security-policy"]), policy, "a nonce serves once");
  assert.equal(page.body.split("Not medical advice").length, 2, "the notice stands once");
  assert.doesNotMatch(page.body, /https?:/);
  for (const path of ["", "js/dashboard/page/main.js", "js/../dashboard.js", "js/dashboard/dashboard.js"]) {
    const { headers, status } = await ask(dashboard.url + path);
    assert.equal(status, path === "" || path.endsWith("main.js") ? 200 : 404, path);
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "no-referrer");
  }
  for (const method of ["POST", "HEAD", "OPTIONS"]) assert.equal((await ask(dashboard.url, { method })).status, 405);
});

test("a page gets what was before it came, then what comes; one that leaves is no matter", async () => {
  dashboard.report(startEvent({ totalSteps: 3 }));
  dashboard.report(stepEvent(1, { loss: 4 }));
  const left = await fetch(`${dashboard.url}events`);
  await left.body!.cancel();
  const watching = eventsUntil(dashboard.url, (data) => data.includes('"note"'));
  // Reported once the page is there.
  await viewOf(dashboard.url);
  dashboard.report(stepEvent(2, { loss: Number.NaN, gradNorm: Number.POSITIVE_INFINITY }));
  dashboard.report({ type: "evaluation", step: 2, loss: 3.5 });
  dashboard.report(stepEvent(3, { loss: 2 }));
  dashboard.report({ type: "warning", message: "Step 2 \u202e was skipped." });
  const messages = (await watching).map((data) => JSON.parse(data) as { type: string; view?: DashboardView });
  assert.deepEqual(
    messages.map(({ type }) => type),
    ["view", "point", "validation", "point", "note"],
  );
  assert.deepEqual(
    messages[0]!.view!.points.map(({ loss }) => loss),
    [4],
  );
  const view = await viewOf(dashboard.url);
  assert.equal(view.run?.totalSteps, 3);
  assert.deepEqual(
    view.points.map(({ loss }) => loss),
    [4, null, 2],
  );
  assert.equal(view.points[1]!.gradNorm, null);
  // 4, a gap, then (.9 * 4 + 2) / 1.9.
  assert.ok(Math.abs(view.points[2]!.smooth! - 5.6 / 1.9) < 1e-12);
  assert.deepEqual(view.validations, [{ step: 2, loss: 3.5 }]);
  assert.deepEqual(view.notes, ["Step 2 ⟨U+202E⟩ was skipped."]);
});

test("a resumed run shows the steps of before", async () => {
  const earlier = [stepEvent(1, { loss: 4 }), { step: 1, evalLoss: 3 }].map((line) => {
    const { type: _, etaSeconds: __, ...rest } = line as Extract<TrainProgress, { type: "step" }>;
    return rest;
  });
  dashboard.report(startEvent({ resumedFrom: 1, earlier }));
  const view = await viewOf(dashboard.url);
  assert.deepEqual([view.points.length, view.validations.length, view.run?.resumedFrom], [1, 1, 1]);
});

test("closing tells the pages, frees the port, and may be done again", async () => {
  const watching = eventsUntil(dashboard.url, (_, name) => name === "end");
  await viewOf(dashboard.url);
  await dashboard.close();
  assert.equal((await watching).length, 2);
  await dashboard.close();
  await using again = await startDashboard({ port: Number(new URL(dashboard.url).port) });
  assert.equal((await ask(again.url)).status, 200);
  again.report(stepEvent(1));
});

test("more pages than can be served are refused, until one goes", async () => {
  const leave = new AbortController();
  const first = await fetch(`${dashboard.url}events`, { signal: leave.signal });
  const others = await Promise.all(Array.from({ length: 15 }, () => fetch(`${dashboard.url}events`)));
  for (const { status } of [first, ...others]) assert.equal(status, 200);
  assert.equal((await ask(`${dashboard.url}events`)).status, 503);
  assert.equal((await ask(dashboard.url)).status, 200);
  leave.abort();
  let status = 503;
  while (status === 503) {
    const response = await fetch(`${dashboard.url}events`);
    status = response.status;
    await response.body!.cancel();
  }
  assert.equal(status, 200);
});

test("a port that is taken or none is refused", async () => {
  const code = (promise: Promise<unknown>) => promise.then(String, (error) => isMediloraError(error) && error.code);
  assert.equal(await code(startDashboard({ port: Number(new URL(dashboard.url).port) })), "BUSY");
  for (const port of [-1, 65_536, 1.5]) assert.equal(await code(startDashboard({ port })), "ARGUMENT_INVALID");
});

test("it does not keep the process alive, not even with a page open", async () => {
  const module = new URL("../../dist/dashboard/dashboard.js", import.meta.url).href;
  const program = `
    import { request } from "node:http";
    import { startDashboard } from ${JSON.stringify(module)};
    const { url } = await startDashboard();
    const waiting = setTimeout(() => {}, 60_000);
    await new Promise((resolve) => request(url + "events", (response) => response.once("data", resolve))
      .on("socket", (socket) => socket.unref()).end());
    clearTimeout(waiting);
    process.stdout.write("open");`;
  const { code, stdout } = await runNode(["--input-type=module", "--eval", program]);
  assert.deepEqual([code, stdout], [0, "open"]);
});

test("a run of any length takes bounded memory and keeps its beginning and its end", () => {
  let view = emptyView();
  for (let step = 1; step <= 30_001; step++)
    view = applyMessage(view, { type: "point", point: { step } as DashboardPoint, etaSeconds: 1 });
  const steps = view.points.map(({ step }) => step);
  assert.ok(steps.length <= 4000 && steps.length > 2000, `${steps.length}`);
  assert.equal(steps.at(-1), 30_001);
  assert.equal(steps[0], 1);
  assert.deepEqual(
    steps,
    [...new Set(steps)].sort((a, b) => a - b),
  );
});
