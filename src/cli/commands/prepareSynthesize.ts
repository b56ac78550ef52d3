import type { Command } from "commander";
import type { SynthesisBackend } from "../../data/synthesize/backend.js";
import type { ModelPrice } from "../../data/synthesize/cost.js";
import type { SynthesisPlan } from "../../data/synthesize/plan.js";
import type { SynthesisManifest } from "../../data/synthesize/writeRows.js";
import { MediloraError } from "../../errors.js";
import { SEED_MAX, wholeNumber } from "../options.js";
import type { CliContext } from "../run.js";

interface SynthesizeFlags {
  from: string;
  output: string;
  tokenBudget: number;
  model?: string;
  threads?: number;
  endpoint?: string;
  endpointModel?: string;
  apiKeyEnv?: string;
  prices?: string;
  allowUpload?: boolean;
  pairs?: number;
  maxTokens?: number;
  passageCharacters?: number;
  seed?: number;
  retryRefused?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** `medilora prepare synthesize`: question-answer pairs about documents, written by a model. */
export function addSynthesize(prepare: Command, { signal, out }: CliContext): void {
  prepare
    .command("synthesize")
    .description("have a model write question-answer pairs about documents (local, or an endpoint with --allow-upload)")
    .requiredOption("--from <file>", "documents: rows with text, JSON lines")
    .requiredOption("--output <file>", "training rows, JSON lines; journal, dropped rows and manifest beside")
    .requiredOption("--token-budget <n>", "most tokens of prompts and answers, all runs together", wholeNumber(1))
    .option("--model <file>", "GGUF model on this computer")
    .option("--threads <n>", "threads of the local model", wholeNumber(1))
    .option("--endpoint <url>", "OpenAI-compatible interface, such as https://host/v1; needs --allow-upload")
    .option("--endpoint-model <name>", "name of the model there")
    .option("--api-key-env <name>", "environment variable that holds the API key")
    .option("--prices <file>", "price table, JSON; needed with --endpoint")
    .option("--allow-upload", "allow the text of the documents to leave this computer")
    .option("--pairs <n>", "pairs a passage (default: 3)", wholeNumber(1, 20))
    .option("--max-tokens <n>", "most tokens of an answer (default: 200 a pair)", wholeNumber(1))
    .option("--passage-characters <n>", "longest passage (default: 3000)", wholeNumber(200))
    .option("--seed <n>", "seed of the draws (default: 0)", wholeNumber(0, SEED_MAX))
    .option("--retry-refused", "ask again about passages that were refused before")
    .option("--dry-run", "only state what a fresh run needs and costs")
    .option("--json", "print the manifest, or with --dry-run the plan, as JSON")
    .action(async (flags: SynthesizeFlags) => {
      const { backend, price } = await openBackend(flags);
      await using _ = backend;
      const { synthesizeRows } = await import("../../data/synthesize/synthesize.js");
      const meter = out.progress("synthesize");
      const manifest = await synthesizeRows(backend, {
        ...pick(flags),
        price,
        signal,
        onPlan: (plan) => (flags.dryRun && flags.json ? out.json(plan) : out.note(describePlan(plan))),
        onProgress: ({ done, total, tokens }) => meter.update(done, total, `${tokens} tokens`),
      });
      if (manifest === undefined) return;
      if (flags.json) return out.json(manifest);
      printManifest(out, manifest);
    });
}

function printManifest(out: CliContext["out"], { counts, usage, outputs }: SynthesisManifest): void {
  const refused = Object.entries(usage.passagesRefused ?? {}).map(([reason, count]) => `${count} ${reason}`);
  const left = refused.length > 0 ? ` (refused: ${refused.join(", ")})` : "";
  out.data(`${usage.passagesDone} of ${usage.passages} passages${left}, ${counts.used} of ${counts.read} pairs kept`);
  out.data(`train  ${outputs[0]?.path}: ${counts.used} rows; cost ${money(usage.cost, usage.currency)}`);
}

function pick(flags: SynthesizeFlags) {
  const { from, output, tokenBudget, pairs, maxTokens, passageCharacters, seed, retryRefused, dryRun } = flags;
  return { from, output, tokenBudget, pairs, maxTokens, passageCharacters, seed, retryRefused, dryRun };
}

async function openBackend(flags: SynthesizeFlags): Promise<{ backend: SynthesisBackend; price?: ModelPrice }> {
  const { model, endpoint, endpointModel, prices } = flags;
  if ((model === undefined) === (endpoint === undefined))
    throw new MediloraError("ARGUMENT_INVALID", "Give either --model or --endpoint.");
  if (model !== undefined) {
    const { LocalBackend } = await import("../../data/synthesize/backend.js");
    return { backend: await LocalBackend.open(model, { threads: flags.threads }) };
  }
  if (!flags.allowUpload)
    throw new MediloraError(
      "ARGUMENT_INVALID",
      "--endpoint sends the text of the documents to another computer. Add --allow-upload if that is permitted.",
    );
  if (endpointModel === undefined || prices === undefined)
    throw new MediloraError("ARGUMENT_INVALID", "--endpoint also needs --endpoint-model and --prices.");
  const [{ EndpointBackend }, { readPrice }, { checkDistinctFiles }] = await Promise.all([
    import("../../data/synthesize/endpoint.js"),
    import("../../data/synthesize/cost.js"),
    import("../../data/manifest.js"),
  ]);
  checkDistinctFiles([prices], [flags.output]);
  const price = await readPrice(prices, endpointModel);
  const url = endpoint as string;
  return { backend: new EndpointBackend({ url, model: endpointModel, apiKey: apiKey(flags.apiKeyEnv) }), price };
}

function apiKey(variable: string | undefined): string | undefined {
  if (variable === undefined) return undefined;
  const key = process.env[variable];
  if (key) return key;
  throw new MediloraError("ARGUMENT_INVALID", `The environment variable ${variable} of --api-key-env is not set.`);
}

function describePlan(plan: SynthesisPlan): string {
  const { documents, passages, passagesDone, promptTokens, completionTokens, tokenBudget, tokensUsed } = plan;
  const done = passagesDone > 0 ? `, ${passagesDone} done before` : "";
  const enough = plan.budgetSuffices ? "covers all" : "may end before the last passage";
  return (
    `plan: ${passages} passages of ${documents} documents${done}; at most ${promptTokens} prompt and ${completionTokens} answer tokens; ` +
    `the budget of ${tokenBudget} (${tokensUsed} used) ${enough}; cost at most ${money(plan.cost, plan.currency)}`
  );
}

function money(amount: number, currency: string | undefined): string {
  return currency === undefined ? "nothing (local model)" : `${amount.toFixed(4)} ${currency}`;
}
