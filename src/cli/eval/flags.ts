import { existsSync } from "node:fs";
import type { SamplerPreset } from "../../eval/samplers.js";
import { type AdapterFlag, parseAdapter, SCALE } from "../options.js";
import type { StrategyFlags } from "./strategies.js";

/** The options of `medilora eval` as commander hands them over. */
export interface EvalFlags extends StrategyFlags {
  task?: string[];
  data?: string;
  limit?: number;
  adapter?: AdapterFlag[];
  sampler?: SamplerPreset;
  maxTokens?: number;
  truncateLeft?: boolean;
  shots?: number;
  bos?: boolean;
  contextSize?: number;
  sequences?: number;
  threads?: number;
  reference?: number;
  baseline?: "paper";
  contamination?: string[];
  answers?: string;
  overwrite?: boolean;
  markdown?: boolean;
  json?: boolean;
  csv?: boolean;
  report?: string;
  list?: boolean;
  download?: boolean;
  mirror?: string;
  dumpRequests?: string;
}

/** Names between commas, gathered over several options; the path of a task file that exists may hold commas. */
export function gatherTasks(text: string, earlier: string[] = []): string[] {
  const names = isTaskFile(text) && existsSync(text) ? [text] : text.split(",").map((name) => name.trim());
  return [...earlier, ...names.filter((name) => name !== "")];
}

/** True for a YAML task file, by its name. */
export function isTaskFile(name: string): boolean {
  return /\.ya?ml$/i.test(name);
}

/** A model to evaluate: a GGUF file with the adapters of its argument. */
export interface ModelArgument {
  model: string;
  adapters: AdapterFlag[];
  /** Of its files, for the names of answers files. */
  name: string;
}

/**
 * `base.gguf`, or `base.gguf+adapter.gguf:0.5+other.gguf`: a plus sign behind `.gguf`, or behind an adapter's scale, parts
 * files. An argument that is the name of a file is that file.
 */
export function parseModel(text: string): ModelArgument {
  const parts = existsSync(text) ? [text] : text.split(new RegExp(`(?<=\\.gguf(?::${SCALE})?)\\+`, "i"));
  const [model, ...others] = parts as [string, ...string[]];
  const adapters = others.map(parseAdapter);
  const stems = [{ path: model, scale: 1 }, ...adapters].map(({ path, scale = 1 }) =>
    scale === 1 ? stem(path) : `${stem(path)}x${scale}`,
  );
  return { model, adapters, name: stems.join("+") };
}

function stem(path: string): string {
  return path.replace(/^.*[/\\]/, "").replace(/\.gguf$/i, "");
}

/** `answers.jsonl` with the parts `base` and `medmcqa` is `answers.base.medmcqa.jsonl`. */
export function answersFileOf(answers: string, parts: readonly string[]): string {
  const extension = /\.[^./\\]*$/.exec(answers)?.[0] ?? "";
  const beginning = answers.slice(0, answers.length - extension.length);
  return [beginning, ...parts].join(".") + extension;
}
