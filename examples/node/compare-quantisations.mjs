// What does a quantisation cost? Perplexity and KL divergence against the float model, with and without an importance matrix.
// In the repository, after `npm ci`:
//   node examples/node/compare-quantisations.mjs OUTPUT_DIR
// Calibration and test text are different rows of the same synthetic sample: the numbers show the way, not a ranking.
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeImatrix, measurePerplexity, preparePubMedQA, quantize } from "medilora";

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("Usage: node compare-quantisations.mjs OUTPUT_DIR");
await mkdir(folder, { recursive: true });
const asset = (name) => fileURLToPath(new URL(`../../assets/${name}`, import.meta.url));
const float = asset("medtiny-f16.gguf");
const file = (name) => join(folder, name);

await preparePubMedQA({ input: asset("sample/pubmedqa-synthetic.json"), output: file("rows.jsonl"), limit: 20 });
const rows = (await readFile(file("rows.jsonl"), "utf8")).trimEnd().split("\n");
await writeFile(file("calibration.jsonl"), `${rows.slice(0, 10).join("\n")}\n`, { mode: 0o600 });
await writeFile(file("test.jsonl"), `${rows.slice(10).join("\n")}\n`, { mode: 0o600 });
await makeImatrix({ model: float, data: file("calibration.jsonl"), output: file("imatrix.gguf") });

const imatrix = file("imatrix.gguf");
const table = [];
for (const options of [{ type: "Q8_0" }, { type: "Q4_K_M" }, { type: "Q3_K_L" }, { type: "Q3_K_L", imatrix }]) {
  const name = options.imatrix === undefined ? options.type : `${options.type} with importance`;
  const output = file(`${name.replaceAll(" ", "-")}.gguf`);
  await quantize({ input: float, output, ...options });
  const measured = await measurePerplexity({ model: output, against: float, data: file("test.jsonl") });
  table.push({
    type: name,
    MB: ((await stat(output)).size / 1e6).toFixed(1),
    perplexity: measured.perplexity.value.toFixed(2),
    "KL, mean (nats)": measured.difference.divergence.mean.value.toFixed(5),
    "same likeliest token": `${(100 * measured.difference.topAgreement.value).toFixed(1)}%`,
  });
}
console.table(table);
