import assert from "node:assert/strict";
import { type ErrorCode, isMediloraError } from "../../../dist/errors.js";
import { buildResult, type EvaluationResult, type RunDescription } from "../../../dist/eval/evaluationResult.js";
import {
  buildLikelihoodResult,
  type LikelihoodResult,
  type LikelihoodRun,
} from "../../../dist/eval/loglikelihood/result.js";
import type { LikelihoodTask } from "../../../dist/eval/loglikelihood/task.js";
import type { PageData } from "../../../dist/report/html/page/data.js";

/** One answer: its gold label and the label that was read from the response, null for an invalid one. */
export type Answer = readonly [gold: string, extracted: string | null];

/** A scored run of questions q1, q2, ... */
export function resultOf(answers: readonly Answer[], run: Partial<RunDescription> = {}): EvaluationResult {
  const identity = { sha256: "0".repeat(64), bytes: 4_100_000_000 };
  const description: RunDescription = {
    model: { file: "base.gguf", ...identity },
    adapters: [],
    task: { name: "pubmedqa", version: 1, labels: ["yes", "no", "maybe"] },
    data: { file: "data.json", ...identity },
    sampler: "greedy",
    seed: 0,
    maxTokens: 64,
    extraction: "pubmedqa/strict@1",
    timings: { asked: answers.length, resumed: 0, loadSeconds: 1, answerSeconds: 2 },
    versions: { medilora: "0.0.0", llamaCpp: "v0", node: "20" },
    machine: { cpu: "a processor", threads: 2 },
    available: answers.length,
    ...run,
  };
  const stored = answers.map(([gold, extracted], i) => ({
    id: `q${i + 1}`,
    prompt: `Question ${i + 1}?`,
    promptSha256: "",
    response: `response ${extracted}`,
    extracted,
    gold,
    finish: "stop" as const,
    logprob: -1,
    promptTokens: 10,
    answerTokens: 2,
    seconds: 1,
  }));
  return buildResult(description, stored);
}

/** Answers to `n` questions whose gold label is yes: the numbers of those answered right and invalidly are given. */
export function yesAnswers(
  n: number,
  isRight: (question: number) => boolean,
  isInvalid = (_: number) => false,
): Answer[] {
  return Array.from({ length: n }, (_, i) => ["yes", isInvalid(i + 1) ? null : isRight(i + 1) ? "yes" : "no"]);
}

/** A scored question: log-probabilities of its choices, and the indexes of the right ones. */
export interface ScoredQuestion {
  logprobs: number[];
  gold: number[];
  choices?: string[];
  context?: string | string[];
}

/** A log-likelihood run of questions row-1, row-2, ... of one task, whose choices are yes, no, maybe unless given. */
export function scoredOf(
  questions: readonly ScoredQuestion[],
  run: Partial<LikelihoodRun> = {},
  metrics: LikelihoodTask["metrics"] = ["acc"],
): LikelihoodResult {
  const { name, version } = { name: "stub", version: 1, ...run.task };
  const task = { name, version, metrics } as unknown as LikelihoodTask;
  const prepared = questions.map(({ gold, choices = ["yes", "no", "maybe"], context = "Question?" }, i) => ({
    ...{ key: `${name}/row-${i + 1}`, task: name, id: `row-${i + 1}`, gold, choices, promptSha256: "" },
    contexts: choices.map((_, choice) => (typeof context === "string" ? context : context[choice]!)),
    continuations: choices.map((choice) => ` ${choice}`),
    where: "",
  }));
  const scores = questions.map(({ logprobs }, i) => ({
    ...{ id: `${name}/row-${i + 1}`, promptSha256: "", logprobs, isGreedy: logprobs.map(() => false) },
    ...{ tokens: logprobs.map(() => 1), cut: 0, seconds: 1 },
  }));
  const description: LikelihoodRun = {
    model: { file: "base.gguf", sha256: "0".repeat(64), bytes: 4_100_000_000 },
    adapters: [],
    task: { name, version },
    shots: 0,
    addBos: false,
    data: [{ file: "data.json", sha256: "1".repeat(64), bytes: 1 }],
    timings: { asked: questions.length, resumed: 0, loadSeconds: 1, answerSeconds: 2 },
    versions: { medilora: "0.0.0", llamaCpp: "v0", node: "20" },
    machine: { cpu: "a processor", threads: 2 },
    isGroup: false,
    missing: [],
    available: questions.length,
    ...run,
  };
  return buildLikelihoodResult(
    description,
    [{ task, path: "data.json", questions: prepared, header: "", sources: [] }],
    scores,
  );
}

/** What the page's script works on. */
export function pageDataOf(page: string): PageData {
  const [, json] = /<script type="application\/json" id="report-data">([\s\S]*?)<\/script>/.exec(page)!;
  return JSON.parse(json!) as PageData;
}

/** The page's text, spaces as one blank. */
export function textOf(page: string): string {
  return page
    .replace(/<(script|style)[\s\S]*?<\/\1>/g, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ");
}

/** A check for assert.rejects and assert.throws: a MediloraError of this code whose message matches. */
export function fails(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isMediloraError(error), String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

/** As {@link fails}; the message must not hold "secret", which the tests put into their data. */
export function failsWithoutText(code: ErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    fails(code, message)(error);
    assert.ok(!(error as Error).message.includes("secret"), "the message quotes the data");
    return true;
  };
}

/** What two runs over the same answers must have in common. */
export function withoutTimings<Result extends { timings: unknown }>({ timings: _, ...rest }: Result) {
  return rest;
}
