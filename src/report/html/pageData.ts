import type { GeneratedReport, LikelihoodReport, ReportResult } from "../resultSchema.js";
import { type Benchmark, isGenerated, type Question } from "./benchmarks.js";
import { HIDDEN_CHARACTERS } from "./markup.js";
import type { PageAnswer, PageBenchmark, PageData, PageQuestion } from "./page/data.js";

/** The questions of all benchmarks, and nothing that the page does not show. */
export function pageData(benchmarks: readonly Benchmark[]): PageData {
  return { hiddenCharacters: HIDDEN_CHARACTERS, benchmarks: benchmarks.map(pageBenchmark) };
}

type Item = GeneratedReport["items"][number] | LikelihoodReport["items"][number];

function pageBenchmark({ key, kind, labels, columns, questions }: Benchmark): PageBenchmark {
  const names = [...new Set(questions.map(({ task }) => task))];
  const items = columns.map(({ result }) => {
    const list: readonly Item[] = result.items;
    return new Map(list.map((item) => [keyOf("task" in item ? item.task : result.task.name, item.id), item]));
  });
  const tasks = names.map((name) => ({
    name,
    beginning: commonBeginning(columns.flatMap(({ result }) => promptsOf(result, name))),
  }));
  return {
    ...{ key, kind, labels, tasks },
    models: columns.map(({ name }) => name),
    questions: questions.map((question) => {
      const task = names.indexOf(question.task);
      const own = items.map((byKey) => byKey.get(keyOf(question.task, question.id)));
      return pageQuestion(question, own, task, tasks[task]!.beginning.length);
    }),
  };
}

function promptsOf(result: ReportResult, task: string): string[] {
  if (isGenerated(result)) return result.items.map(({ prompt }) => prompt);
  return result.items.filter((item) => item.task === task).flatMap(({ context }) => context);
}

function keyOf(task: string, id: string): string {
  return JSON.stringify([task, id]);
}

function pageQuestion(
  { id, gold, answers }: Question,
  items: ReadonlyArray<Item | undefined>,
  task: number,
  beginning: number,
): PageQuestion {
  const texts: string[] = [];
  const indexOf = (text: string) => (texts.includes(text) ? texts.indexOf(text) : texts.push(text) - 1);
  const pageAnswers = answers.map((answer, column) => {
    const item = items[column];
    if (answer === null || item === undefined) return null;
    const prompts = "context" in item ? [item.context].flat() : [item.prompt];
    const { label, isRight } = answer;
    return { label, isRight, prompts: prompts.map(indexOf), ...answerDetails(item) };
  });
  const scored = items.find((item) => item !== undefined && "context" in item);
  return {
    ...{ task, id, gold },
    prompts: texts.map((text) => text.slice(beginning)),
    ...(scored !== undefined && "context" in scored && { choices: scored.choices, right: scored.gold }),
    answers: pageAnswers,
  };
}

function answerDetails(item: Item): Omit<PageAnswer, "label" | "isRight" | "prompts"> {
  const finite = (logprob: number) => (Number.isFinite(logprob) ? logprob : null);
  if ("context" in item) return { logprobs: item.logprobs.map(finite), chosen: item.chosen };
  const { response, finish, answerTokens, logprob, cut, vote } = item;
  const details = { response, finish, tokens: answerTokens, logprobs: [finite(logprob)] };
  return { ...details, ...(cut !== undefined && { cut }), ...(vote && { votes: vote.ballots }) };
}

/** Whole lines that all texts begin with; empty for a single text, of which nothing repeats. */
function commonBeginning(texts: readonly string[]): string {
  const [first] = texts;
  if (first === undefined || texts.every((text) => text === first)) return "";
  let length = first.length;
  for (const text of texts) {
    let i = 0;
    while (i < length && first.charCodeAt(i) === text.charCodeAt(i)) i += 1;
    length = i;
  }
  return first.slice(0, first.slice(0, length).lastIndexOf("\n") + 1);
}
