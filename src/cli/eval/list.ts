import { membersOf } from "../../eval/download/download.js";
import { downloadSource } from "../../eval/download/sources.js";
import type { LikelihoodTask, TaskGroup } from "../../eval/loglikelihood/task.js";
import type { GenerationTask } from "../../eval/task.js";
import { GENERATION_TASKS, isMember, LIKELIHOOD_TASKS } from "../../eval/tasks/index.js";
import type { CliContext } from "../run.js";
import type { EvalFlags } from "./flags.js";

/** Prints every built-in benchmark with its files. */
export function listBenchmarks({ json }: Pick<EvalFlags, "json">, { out }: CliContext): void {
  const tasks = [
    ...GENERATION_TASKS.map((task) => describe(task, "generated")),
    ...LIKELIHOOD_TASKS.map((task) => describe(task, "log-likelihood")),
  ];
  if (json) {
    out.json({ tasks });
    return;
  }
  const members = new Set(LIKELIHOOD_TASKS.filter(isMember).map(({ name }) => name));
  for (const { name, answers, description, files, downloads } of tasks) {
    const fetched = downloads.length === 0 ? "" : " --download fetches it.";
    out.data(`${members.has(name) ? "  " : ""}${name} (${answers}): ${description} Data: ${files}.${fetched}`);
  }
}

function describe(task: GenerationTask | LikelihoodTask | TaskGroup, answers: "generated" | "log-likelihood") {
  const { name, version, description, files } = task;
  const downloads = membersOf(task).flatMap((member) => downloadSource(member.name)?.files ?? []);
  return { name, version, answers, description, files, downloads };
}
