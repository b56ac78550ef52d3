import { availableParallelism } from "node:os";
import type { Llama, LlamaChatSession, LlamaContext, LlamaModel } from "node-llama-cpp";
import { MediloraError } from "../errors.js";
import { requireTexts } from "../util/arguments.js";
import { importNodeLlamaCpp, type NodeLlamaCpp } from "./importModule.js";

/** An adapter and its weight. */
export interface AdapterFile {
  /** A GGUF adapter, as `medilora train` writes it. */
  path: string;
  /** Multiplies the adapter's own alpha / r; default 1. */
  scale?: number;
}

/** What {@link openChat} opens. */
export interface ChatOptions {
  /** GGUF model: a merged or quantised one, or the base of `adapters`. */
  model: string;
  adapters?: readonly AdapterFile[];
  /** Default: no system turn, as in training rows without one. */
  systemPrompt?: string;
  /** In tokens; default: node-llama-cpp's, the model's own as far as memory reaches. */
  contextSize?: number;
  /** Default: as many as there are cores. node-llama-cpp's default is never under 4; with fewer cores its threads wait in turns. */
  threads?: number;
  /** The module, where the app has imported it already. Default: `import("node-llama-cpp")`. */
  nodeLlamaCpp?: NodeLlamaCpp;
  /** What the app's `getLlama()` gave; it stays the app's. Default: one on the processor, disposed with the chat. */
  llama?: Llama;
  signal?: AbortSignal;
}

/** An open model with one conversation. `dispose` frees what was opened for it. */
export interface Chat extends AsyncDisposable {
  readonly session: LlamaChatSession;
  readonly context: LlamaContext;
  readonly model: LlamaModel;
  /** Frees what was opened for the chat; a `llama` of the app's stays open. */
  dispose(): Promise<void>;
}

/**
 * Opens a model for conversation in node-llama-cpp, with the ChatML that medilora trains on. What a user enters stays text:
 * markers in it become no special tokens.
 *
 * In a process that also trains or evaluates, node-llama-cpp must be the version of our peerDependencies (`medilora doctor`
 * checks), on the processor: both then share one llama.cpp.
 * @throws MediloraError `NATIVE_UNAVAILABLE` when node-llama-cpp is not installed, `ARGUMENT_INVALID`; the signal's reason
 *   when aborted; node-llama-cpp's own errors, say for a model that it cannot open
 */
export async function openChat(options: ChatOptions): Promise<Chat> {
  checkOptions(options);
  const module = options.nodeLlamaCpp ?? (await importNodeLlamaCpp());
  options.signal?.throwIfAborted();
  const opened: Array<{ dispose(): unknown }> = [];
  const dispose = async (): Promise<void> => {
    for (let last = opened.pop(); last !== undefined; last = opened.pop()) await last.dispose();
  };
  try {
    if (options.llama === undefined) opened.push(await openLlama(module));
    const llama = options.llama ?? (opened[0] as Llama);
    const model = await llama.loadModel({ modelPath: options.model, ...withSignal("loadSignal", options.signal) });
    opened.push(model);
    const context = await model.createContext(contextOptions(options));
    opened.push(context);
    const session = openSession(module, context, options.systemPrompt);
    opened.push(session);
    return { session, context, model, dispose, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function checkOptions(options: ChatOptions): void {
  requireTexts("openChat()", options, ["model"]);
  const { adapters = [] } = options;
  if (!Array.isArray(adapters))
    throw new MediloraError("ARGUMENT_INVALID", "adapters must be a list of { path, scale }.");
  (adapters as readonly AdapterFile[]).forEach((adapter, index) => {
    requireTexts(`openChat(): adapters[${index}]`, adapter, ["path"]);
    const { scale = 1 } = adapter;
    if (!Number.isFinite(scale))
      throw new MediloraError("ARGUMENT_INVALID", `adapters[${index}].scale must be a finite number.`);
  });
}

/** Nothing is compiled or downloaded, as node-llama-cpp would where no prebuilt library fits. */
function openLlama(module: NodeLlamaCpp): Promise<Llama> {
  return module.getLlama({ gpu: false, build: "never", skipDownload: true, logLevel: module.LlamaLogLevel.error });
}

function contextOptions({ adapters = [], contextSize, threads = availableParallelism(), signal }: ChatOptions) {
  const files = adapters.map(({ path, scale = 1 }) => ({ filePath: path, scale }));
  return {
    threads,
    ...(contextSize !== undefined && { contextSize }),
    ...(files.length > 0 && { lora: { adapters: files } }),
    ...withSignal("createSignal", signal),
  };
}

function withSignal<Name extends string>(name: Name, signal: AbortSignal | undefined): { [key in Name]?: AbortSignal } {
  return (signal === undefined ? {} : { [name]: signal }) as { [key in Name]?: AbortSignal };
}

/** Without a text of its own node-llama-cpp would add a system prompt that the model was never trained with. */
function openSession(module: NodeLlamaCpp, context: LlamaContext, systemPrompt = ""): LlamaChatSession {
  return new module.LlamaChatSession({
    contextSequence: context.getSequence(),
    chatWrapper: new module.ChatMLChatWrapper(),
    systemPrompt,
  });
}
