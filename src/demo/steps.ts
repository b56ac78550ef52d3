import { basename } from "node:path";
import type { Output } from "../cli/output.js";
import {
  type EvaluationResult,
  evaluate,
  lossCurveTerminal,
  mergeAdapter,
  parseTrainConfig,
  quantize,
  type TrainResult,
  train,
} from "../index.js";
import { formatBytes, formatCount } from "../report/format.js";
import { type Files, heading, wrote } from "./files.js";
import { ANSWER_TOKENS, SAMPLER, SEED, TRAINING } from "./settings.js";

export interface Evaluations {
  base: EvaluationResult;
  tuned: EvaluationResult;
}

/** Step 1: the 4-bit base that the adapter is trained on. */
export async function quantizeBase(out: Output, files: Files): Promise<void> {
  heading(out, "Quantise the base model to 4 bits");
  await quantizeTo(out, files.base, files.base4bit, "Q4_K_M");
}

/** Step 3: a LoRA adapter on the frozen 4-bit base. */
export async function trainAdapter(out: Output, files: Files): Promise<TrainResult> {
  heading(out, "Train a LoRA adapter on the 4-bit base");
  const config = parseTrainConfig({
    ...TRAINING,
    base_model: files.base4bit,
    datasets: [{ path: files.trainRows, type: "chatml" }],
    output_dir: files.training,
  });
  const meter = out.progress("   train");
  const result = await train(config, {
    onProgress(event) {
      if (event.type === "start")
        out.data(
          `   ${formatCount(event.tokens)} tokens (${formatCount(event.labelTokens)} with loss) in ${event.bins} packed ` +
            `sequences, ${formatCount(event.trainableParameters)} trainable parameters, ${event.totalSteps} steps`,
        );
      if (event.type === "step")
        meter.update(
          event.step,
          event.totalSteps,
          `loss ${event.loss.toFixed(3)}  ${formatCount(event.tokensPerSecond)} tok/s`,
        );
      if (event.type === "warning") out.note(`   warning: ${event.message}`);
    },
  });
  const width = Math.max(30, Math.min(out.columns - 4, 90));
  out.data(lossCurveTerminal(result.history, { width, height: 14, unicode: out.unicode }).replaceAll(/^/gm, "   "));
  wrote(out, result.output, `the adapter, ${formatBytes(result.bytes)}`);
  wrote(out, result.lossCurve, "the loss curve");
  wrote(out, result.metrics, "loss, rate and speed of every step");
  return result;
}

/** Step 4: into the F16 base and not the 4-bit one, whose rounding errors would stay in the weights. */
export async function mergeIntoBase(out: Output, files: Files): Promise<void> {
  heading(out, "Merge the adapter into the F16 base");
  const { bytes, mergedTensors } = await mergeAdapter({
    base: files.base,
    adapter: files.adapter,
    output: files.merged,
  });
  wrote(out, files.merged, `${mergedTensors} tensors merged, ${formatBytes(bytes)}`);
}

/** Step 5: the tuned model as it is used, and the base alike, so that both are compared at the same loss of precision. */
export async function quantizeForUse(out: Output, files: Files): Promise<void> {
  heading(out, "Quantise to Q3_K_L");
  await quantizeTo(out, files.merged, files.tunedQ3, "Q3_K_L");
  await quantizeTo(out, files.base, files.baseQ3, "Q3_K_L");
  out.data("   The base is quantised alike, so that the comparison shows what training changed and nothing else.");
}

/** Step 6: both models on the held-out questions, with the same sampler and seeds. */
export async function evaluateBoth(out: Output, files: Files): Promise<Evaluations> {
  heading(out, "Evaluate on the held-out questions");
  const base = await evaluateOne(out, files, files.baseQ3, files.baseAnswers);
  const tuned = await evaluateOne(out, files, files.tunedQ3, files.tunedAnswers);
  return { base, tuned };
}

async function quantizeTo(out: Output, input: string, output: string, type: string): Promise<void> {
  const { bytes } = await quantize({ input, output, type });
  wrote(out, output, `${type}, ${formatBytes(bytes)}`);
}

async function evaluateOne(out: Output, files: Files, model: string, answersFile: string): Promise<EvaluationResult> {
  const meter = out.progress(`   ${basename(model)}`);
  const result = await evaluate({
    model,
    task: "pubmedqa",
    data: files.heldOut,
    sampler: SAMPLER,
    seed: SEED,
    maxTokens: ANSWER_TOKENS,
    answersFile,
    overwrite: true,
    onProgress: ({ done, total, validSoFar }) => meter.update(done, total, `${validSoFar} valid`),
  });
  wrote(out, answersFile, `${result.items.length} answers`);
  return result;
}
