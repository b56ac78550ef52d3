import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MediloraError } from "../errors.js";
import type { TrainProgress } from "../train/progress.js";
import { contentSecurityPolicy, isLoopback, isToken, newToken, SECURITY_HEADERS } from "./access.js";
import { dashboardPage } from "./document.js";
import { MessageSource } from "./messages.js";
import { applyMessage, type DashboardMessage, type DashboardView, emptyView } from "./view.js";

/** Where {@link startDashboard} listens, and what its page is called. */
export interface DashboardOptions {
  /** Port on 127.0.0.1; a free one by default. */
  port?: number;
  /** Default "Training". */
  title?: string;
}

/** Files of the page's script, below `dist`. */
const SCRIPTS = [
  "dashboard/page/main.js",
  "dashboard/page/charts.js",
  "dashboard/page/element.js",
  "dashboard/page/samples.js",
  "dashboard/view.js",
  "report/format.js",
  "report/ticks.js",
] as const;

/** Pages that may watch at once. */
const MOST_CLIENTS = 16;
/** Bytes that may wait for a page that does not read; it is let go of then, and begins anew when it comes back. */
const MOST_WAITING = 8_000_000;
/** Milliseconds: between signs of life, and until connections that do not end by themselves are cut. */
const HEARTBEAT = 15_000;
const CLOSING = 500;

/**
 * A local page that shows a training while it runs. Give what train() reports to {@link report}.
 *
 * It listens on 127.0.0.1 only, answers nobody without the token in {@link url}, and does not keep the process alive.
 */
export class Dashboard implements AsyncDisposable {
  /** With the token: whoever has it can read what the page shows, samples of the data among it. */
  readonly url: string;
  readonly #server: Server;
  readonly #token: string;
  readonly #scripts = new Map(SCRIPTS.map((name) => [`js/${name}`, compiled(name)]));
  readonly #source = new MessageSource();
  readonly #clients = new Set<ServerResponse>();
  readonly #heartbeat: NodeJS.Timeout;
  #view: DashboardView = emptyView();

  /** Takes over a server that listens. Use {@link startDashboard}. */
  constructor(
    server: Server,
    private readonly title: string,
  ) {
    this.#server = server;
    this.#token = newToken();
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${this.#token}/`;
    // Whatever befalls the page, the training goes on.
    server.on("error", () => {});
    server.on("request", (request, response) => this.#answer(request, response));
    server.on("connection", (socket) => socket.unref());
    server.unref();
    this.#heartbeat = setInterval(() => this.#send(": still there\n\n"), HEARTBEAT).unref();
  }

  /** Shows an event of train(). May be passed on as it is: `train(config, { onProgress: dashboard.report })`. */
  readonly report = (event: TrainProgress): void => {
    for (const message of this.#source.messagesOf(event)) {
      this.#view = applyMessage(this.#view, message);
      this.#send(eventText(message));
    }
  };

  /** Tells the pages that it is over, and closes. A second call does nothing. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const client of this.#clients) client.end("event: end\ndata: {}\n\n");
    this.#clients.clear();
    const cut = setTimeout(() => this.#server.closeAllConnections(), CLOSING);
    await closed;
    clearTimeout(cut);
  }

  /** As {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const [, token = "", path = ""] = /^\/([^/?]*)\/([^?]*)/.exec(request.url ?? "") ?? [];
    if (!isLoopback(request)) refuse(response, 421, "Open the address that medilora printed.");
    else if (!isToken(token, this.#token))
      refuse(response, 403, "Open the address that medilora printed, to its last character.");
    else if (request.method !== "GET") refuse(response, 405, "Only GET is answered.");
    else this.#serve(path, response);
  }

  #serve(path: string, response: ServerResponse): void {
    const script = this.#scripts.get(path);
    if (path === "") this.#sendPage(response);
    else if (path === "events") this.#addClient(response);
    else if (script === undefined) refuse(response, 404, "There is nothing here.");
    else {
      response.setHeader("Content-Type", "text/javascript; charset=utf-8");
      response.end(script);
    }
  }

  #sendPage(response: ServerResponse): void {
    const nonce = randomBytes(16).toString("base64");
    response.setHeader("Content-Security-Policy", contentSecurityPolicy(nonce));
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(dashboardPage(this.title, nonce));
  }

  #addClient(response: ServerResponse): void {
    if (this.#clients.size >= MOST_CLIENTS) {
      refuse(response, 503, "Too many pages are open. Close one.");
      return;
    }
    response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8", Connection: "close" });
    this.#clients.add(response);
    response.on("close", () => this.#clients.delete(response));
    // A page that went away in the middle of a line is no failure of the training.
    response.on("error", () => this.#clients.delete(response));
    response.write(`retry: 2000\n\n${eventText({ type: "view", view: this.#view })}`);
  }

  #send(text: string): void {
    for (const client of this.#clients) {
      if (client.writableLength > MOST_WAITING) client.destroy();
      else client.write(text);
    }
  }
}

/**
 * Starts a dashboard on 127.0.0.1.
 * @throws MediloraError `BUSY` for a port that is taken, `ARGUMENT_INVALID` for one that may not be used or is none
 */
export async function startDashboard(options: DashboardOptions = {}): Promise<Dashboard> {
  const { port = 0, title = "Training" } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new MediloraError("ARGUMENT_INVALID", "port must be a whole number from 0 (any free one) to 65535.");
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, port)));
    server.listen(port, "127.0.0.1", resolve);
  });
  return new Dashboard(server, title);
}

function listenError(error: NodeJS.ErrnoException, port: number): MediloraError {
  if (error.code === "EADDRINUSE")
    return new MediloraError("BUSY", `Port ${port} is in use. Choose another, or none for any free one.`, {
      cause: error,
    });
  const message = `The dashboard cannot listen on port ${port} of 127.0.0.1 (${error.code}). Choose another port.`;
  return new MediloraError("ARGUMENT_INVALID", message, { cause: error });
}

function eventText(message: DashboardMessage): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}

function compiled(name: string): Buffer {
  return readFileSync(new URL(`../${name}`, import.meta.url));
}
