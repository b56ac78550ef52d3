import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { MediloraError } from "../../errors.js";
import { isPrivateTransport } from "../../util/url.js";
import type { ChatMessage } from "../rows.js";
import type { Completion, CompletionRequest, SynthesisBackend } from "./backend.js";

export interface EndpointOptions {
  /** Base of an OpenAI-compatible interface, such as https://host/v1; `/chat/completions` is added. */
  url: string;
  /** Name of the model there. */
  model: string;
  apiKey?: string;
  /** Milliseconds before the first repeat; each later one waits twice as long. Default 1000. */
  retryDelay?: number;
}

const ATTEMPTS = 4;
const REQUEST_TIMEOUT = 300_000;
const LONGEST_WAIT = 60_000;
const TEMPERATURE = 0.2;
/** UTF-16 units: many times the longest answer that can be asked for; a server must not fill the memory. */
const LONGEST_BODY = 2 ** 24;
/** Clinical text has over 3 bytes a token with current vocabularies, so this counts too many rather than too few. */
const BYTES_A_TOKEN = 3;
const TOKENS_A_MESSAGE = 8;

/** Statuses that are about the request's content; 400 is also that of a wrong parameter. */
const REJECTED: readonly number[] = [400, 413, 422];

const answerSchema = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
  usage: z.object({ prompt_tokens: z.int().nonnegative(), completion_tokens: z.int().nonnegative() }).nullish(),
});

/** What Azure and OpenAI answer with status 400 when their filter refuses a prompt. */
const filteredSchema = z.object({ error: z.object({ code: z.enum(["content_filter", "content_policy_violation"]) }) });

/** What came back; the body is undefined where it is no JSON. */
interface Answer {
  response: Response;
  body: unknown;
}

/** A model behind an OpenAI-compatible interface. It sends the prompts there: use it with the owner's permission only. */
export class EndpointBackend implements SynthesisBackend {
  readonly id: Readonly<Record<string, string>>;
  readonly model: string;
  readonly files = [];
  readonly #url: URL;
  readonly #apiKey: string | undefined;
  readonly #retryDelay: number;

  /** @throws MediloraError `ARGUMENT_INVALID` for a URL that is neither https nor on this computer, or holds a password */
  constructor({ url, model, apiKey, retryDelay = 1000 }: EndpointOptions) {
    this.#url = checkUrl(url);
    this.id = { kind: "endpoint", url: this.#url.origin + this.#url.pathname, model };
    this.model = model;
    this.#apiKey = apiKey;
    this.#retryDelay = retryDelay;
  }

  countTokens(messages: readonly ChatMessage[]): number {
    return messages.reduce(
      (sum, { content }) => sum + TOKENS_A_MESSAGE + Math.ceil(Buffer.byteLength(content) / BYTES_A_TOKEN),
      0,
    );
  }

  async start(): Promise<void> {}

  /**
   * Asks once, and again up to three times when the endpoint is busy or cannot be reached. What refuses this one request is
   * no error but a completion that is `refused`; its prompt counts as paid for.
   * @throws MediloraError `ARGUMENT_INVALID` for a wrong key, address or model; `NETWORK_FAILED` when it cannot be
   *   reached, is busy, fails or points elsewhere; `DATA_INVALID` when its answer cannot be read; `ABORTED`; none holds
   *   text of the prompt or of the answer
   */
  async complete(request: CompletionRequest): Promise<Completion> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#post(request);
      const response = answer?.response;
      if (response?.ok) return this.#read(answer?.body, request);
      if (response !== undefined && REJECTED.includes(response.status)) return this.#rejected(answer?.body, request);
      const canRepeat = response === undefined || response.status === 429 || response.status >= 500;
      if (!canRepeat || attempt === ATTEMPTS) throw this.#refused(response?.status);
      const wait = Math.max(this.#retryDelay * 2 ** (attempt - 1), retryAfter(response));
      await sleep(Math.min(wait, LONGEST_WAIT), undefined, { signal: request.signal }).catch(() => {
        throw aborted();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Undefined when there was no answer, or the connection was lost inside it. */
  async #post({ messages, maxTokens, seed, signal }: CompletionRequest): Promise<Answer | undefined> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (this.#apiKey !== undefined) headers.authorization = `Bearer ${this.#apiKey}`;
    const body = { model: this.model, messages, max_tokens: maxTokens, temperature: TEMPERATURE, seed };
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT);
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
        // Permission was given for this address, not for one that it points to: a redirect is an answer like any other.
        redirect: "manual",
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      return { response, body: await readJson(response) };
    } catch {
      if (signal?.aborted) throw aborted();
      return undefined;
    }
  }

  #read(body: unknown, request: CompletionRequest): Completion {
    const answer = answerSchema.safeParse(body);
    if (!answer.success)
      throw new MediloraError(
        "DATA_INVALID",
        `The answer of ${this.id.url} is not that of an OpenAI-compatible interface. Check the URL.`,
      );
    const { choices, usage } = answer.data;
    const { message, finish_reason: finish } = choices[0] as (typeof choices)[number];
    const text = message.content ?? "";
    const written = text === "" ? (message.refusal ?? "") : text;
    const completion: Completion = {
      text,
      promptTokens: usage?.prompt_tokens ?? this.countTokens(request.messages),
      completionTokens: usage?.completion_tokens ?? this.countTokens([{ role: "assistant", content: written }]),
      complete: finish !== "length",
    };
    if (finish === "content_filter") return { ...completion, refused: "content-filter" };
    return message.refusal ? { ...completion, refused: "refusal" } : completion;
  }

  /** Prompts that are refused may be charged for, and no usage is reported: they are counted in full. */
  #rejected(body: unknown, { messages }: CompletionRequest): Completion {
    const refused = filteredSchema.safeParse(body).success ? "content-filter" : "rejected";
    return { text: "", promptTokens: this.countTokens(messages), completionTokens: 0, complete: false, refused };
  }

  #refused(status: number | undefined): MediloraError {
    const url = this.id.url;
    const failed = (problem: string) => new MediloraError("NETWORK_FAILED", `${url} ${problem}; what is done is kept.`);
    if (status === undefined) return failed("cannot be reached. Check the address");
    if (status < 400)
      return failed("points to another address. The text is not sent there: name that one if it may be");
    if (status === 429 || status >= 500) return failed(`answers with status ${status}. Try later`);
    return new MediloraError(
      "ARGUMENT_INVALID",
      `${url} refuses with status ${status}. Check the URL, the model's name and the API key.`,
    );
  }
}

function checkUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined)
    throw new MediloraError("ARGUMENT_INVALID", "endpoint is not a URL. Give one like https://host/v1.");
  if (url.username !== "" || url.password !== "" || url.search !== "")
    throw new MediloraError("ARGUMENT_INVALID", "endpoint must hold no password and no query. Give the key apart.");
  if (!isPrivateTransport(url))
    throw new MediloraError("ARGUMENT_INVALID", "endpoint must be https: medical text must not travel in the clear.");
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/chat/completions`;
  return url;
}

/** @returns undefined for what is no JSON or longer than {@link LONGEST_BODY} */
async function readJson(response: Response): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > LONGEST_BODY) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Milliseconds that the endpoint asks to wait; 0 where it does not say. */
function retryAfter(response: Response | undefined): number {
  const seconds = Number(response?.headers.get("retry-after"));
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}

function aborted(): MediloraError {
  return new MediloraError("ABORTED", "Writing questions was aborted; what is done is kept.");
}
