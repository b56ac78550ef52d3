import type { Command } from "commander";
import { MediloraError } from "../../errors.js";
import type { EvaluateOptions } from "../../eval/evaluateOptions.js";
import type { EvaluationStrategy } from "../../eval/strategies/strategy.js";
import { wholeNumber } from "../options.js";
import type { Output } from "../output.js";

/** The flags of strategies; each one is a column more beside the plain result. */
export interface StrategyFlags {
  selfConsistency?: number;
  shuffleChoices?: number;
  knnShots?: number;
  knnTrain?: string;
  knnModel?: string;
  knnCache?: string;
  cot?: boolean;
  cotMaxTokens?: number;
  combine?: boolean;
  seed?: number;
}

/** A strategy and its name in progress lines and file names. */
export interface NamedStrategy {
  name: string;
  strategy: EvaluationStrategy;
}

export function addStrategyOptions(command: Command): void {
  const votes = wholeNumber(2, 100);
  command
    .option("--self-consistency <n>", "generated answers: ask n times, the labels vote; a column more", votes)
    .option("--shuffle-choices <n>", "ask with the options in n orders and join the answers; a column more", votes)
    .option("--knn-shots <k>", "put the k most similar solved questions in front; a column more", wholeNumber(1, 100))
    .option("--knn-train <path>", "where --knn-shots finds them: a file in the benchmark's format, or its folder")
    .option("--knn-model <file>", "GGUF model that computes the embeddings (default: the evaluated one)")
    .option("--knn-cache <file>", "keep the embeddings here for later runs")
    .option("--cot", "generated answers: reason before the answer (chain of thought); a column more")
    .option("--cot-max-tokens <n>", "most tokens of reasoning and answer (default: 512)", wholeNumber(1))
    .option("--combine", "one column of all these together instead of one of each");
}

/**
 * The strategies that the flags ask for, none without flags.
 * @throws MediloraError `ARGUMENT_INVALID` for a flag that lacks another one
 */
export function strategiesOf(flags: StrategyFlags): NamedStrategy[] {
  const { selfConsistency, shuffleChoices, combine, seed } = flags;
  const named: NamedStrategy[] = [
    ...(selfConsistency === undefined
      ? []
      : [{ name: `self-consistency-${selfConsistency}`, strategy: { selfConsistency: { samples: selfConsistency } } }]),
    ...(shuffleChoices === undefined
      ? []
      : [{ name: `shuffle-${shuffleChoices}`, strategy: { choiceShuffling: shuffling(shuffleChoices, seed) } }]),
    ...nearest(flags),
    ...reasoned(flags),
  ];
  if (!combine) return named;
  if (named.length < 2)
    throw new MediloraError("ARGUMENT_INVALID", "--combine needs two strategies or more. Add one, or leave it out.");
  const strategy = Object.assign({}, ...named.map((one) => one.strategy)) as EvaluationStrategy;
  return [{ name: named.map(({ name }) => name).join("+"), strategy }];
}

function shuffling(permutations: number, seed: number | undefined): EvaluationStrategy["choiceShuffling"] {
  return seed === undefined ? { permutations } : { permutations, seed };
}

function reasoned({ cot, cotMaxTokens: maxTokens }: StrategyFlags): NamedStrategy[] {
  if (cot) return [{ name: "cot", strategy: { chainOfThought: maxTokens === undefined ? {} : { maxTokens } } }];
  if (maxTokens === undefined) return [];
  throw new MediloraError("ARGUMENT_INVALID", "--cot-max-tokens needs --cot.");
}

function nearest({ knnShots: shots, knnTrain: train, knnModel, knnCache }: StrategyFlags): NamedStrategy[] {
  if (shots === undefined) {
    if ((train ?? knnModel ?? knnCache) === undefined) return [];
    throw new MediloraError("ARGUMENT_INVALID", "--knn-train, --knn-model and --knn-cache need --knn-shots.");
  }
  if (train === undefined)
    throw new MediloraError("ARGUMENT_INVALID", "--knn-shots needs --knn-train, the file with solved questions.");
  const own = {
    ...(knnModel !== undefined && { model: knnModel }),
    ...(knnCache !== undefined && { cache: knnCache }),
  };
  return [{ name: `knn-${shots}`, strategy: { neighbours: { train, shots, ...own } } }];
}

/** A meter of the texts that are embedded; drawn only when some are. */
export function embedProgress(out: Output, label: string): NonNullable<EvaluateOptions["onEmbedProgress"]> {
  let meter: ReturnType<Output["progress"]> | undefined;
  return ({ done, total }) => {
    meter ??= out.progress(label);
    meter.update(done, total, `${done}/${total} texts`);
  };
}
