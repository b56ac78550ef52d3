import { join, relative } from "node:path";
import type { Output } from "../cli/output.js";

/** Every file of the demo by what it is. */
export class Files {
  readonly base4bit: string;
  readonly records: string;
  readonly trainRows: string;
  readonly heldOut: string;
  readonly training: string;
  readonly adapter: string;
  readonly merged: string;
  readonly baseQ3: string;
  readonly tunedQ3: string;
  readonly baseAnswers: string;
  readonly tunedAnswers: string;

  constructor(
    readonly base: string,
    readonly folder: string,
  ) {
    const inFolder = (name: string) => join(folder, name);
    this.base4bit = inFolder("base-Q4_K_M.gguf");
    this.records = inFolder("records.json");
    this.trainRows = inFolder("train.jsonl");
    this.heldOut = inFolder("held-out.json");
    this.training = inFolder("training");
    this.adapter = join(this.training, "adapter.gguf");
    this.merged = inFolder("tuned-F16.gguf");
    this.baseQ3 = inFolder("base-Q3_K_L.gguf");
    this.tunedQ3 = inFolder("tuned-Q3_K_L.gguf");
    this.baseAnswers = inFolder("answers-base.jsonl");
    this.tunedAnswers = inFolder("answers-tuned.jsonl");
  }
}

let steps = 0;

export function heading(out: Output, title: string): void {
  steps += 1;
  const text = `${steps}. ${title}`;
  out.data(`\n${out.color ? `\x1b[1m${text}\x1b[0m` : text}`);
}

export function wrote(out: Output, path: string, what: string): void {
  const near = relative(process.cwd(), path);
  out.data(`   ${near.startsWith("..") ? path : near}: ${what}`);
}
