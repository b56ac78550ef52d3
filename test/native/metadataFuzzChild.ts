// Tries model files whose metadata is wrong, one a line of standard output: the parent sees at which one this ends.
import { readFileSync, writeFileSync, writeSync } from "node:fs";
import { isMediloraError } from "../../dist/errors.js";
import { SAMPLER_PRESETS } from "../../dist/eval/samplers.js";
import { InferenceEngine } from "../../dist/native/engine.js";
import { quantize } from "../../dist/quantize/quantize.js";

async function code(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "OK";
  } catch (error) {
    return isMediloraError(error) ? error.code : String(error);
  }
}

async function generate(model: string): Promise<void> {
  await using engine = await InferenceEngine.open({
    model,
    contextSize: 64,
    sequences: 1,
    batchSize: 32,
    microBatchSize: 8,
    threads: 1,
  });
  const prompt = Int32Array.from({ length: 12 }, (_, i) => 3 + i);
  await engine.generate([{ prompt, maxTokens: 2, seed: 0, sampler: SAMPLER_PRESETS.greedy }], { onResult() {} });
}

const [list, folder, from] = process.argv.slice(2) as [string, string, string];
const files = JSON.parse(readFileSync(list, "utf8")) as string[];
for (const base64 of files.slice(Number(from))) {
  const model = `${folder}/mutant.gguf`;
  writeFileSync(model, Buffer.from(base64, "base64"));
  const quantized = await code(() =>
    quantize({ input: model, output: `${folder}/out.gguf`, type: "Q8_0", threads: 1 }),
  );
  const generated = await code(() => generate(model));
  writeSync(1, `${quantized} ${generated}\n`);
}
