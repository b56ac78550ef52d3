// A benchmark of one's own: a definition, a file of questions, a score with its interval. In the repository, after `npm ci`:
//   node examples/node/own-task.mjs OUTPUT_DIR
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineTask, evaluateLikelihood, likelihoodTable } from "medilora";

const [, , folder] = process.argv;
if (folder === undefined) throw new Error("Usage: node own-task.mjs OUTPUT_DIR");
await mkdir(folder, { recursive: true });

const questions = [
  { question: "Which organ makes insulin?", choices: ["Pancreas", "Spleen", "Thyroid"], answer: 0 },
  {
    question: "Which vessel carries blood from the heart to the lungs?",
    choices: ["Aorta", "Pulmonary artery"],
    answer: 1,
  },
  { question: "Which bone is in the thigh?", choices: ["Radius", "Tibia", "Femur"], answer: 2 },
  { question: "Which part of the eye is the opening for light?", choices: ["Pupil", "Retina", "Lens"], answer: 0 },
];
const data = join(folder, "questions.jsonl");
await writeFile(data, questions.map((row) => `${JSON.stringify(row)}\n`).join(""));

// The prompt is a template: {{question}} stands for that field of a row. A misspelt key or field is refused by name.
const task = defineTask({
  kind: "likelihood",
  name: "first-anatomy",
  prompt: "Question: {{question}}\nAnswer:",
  choices: { field: "choices" },
  gold: { field: "answer", as: "index" },
  metrics: ["acc_norm", "acc"],
});

const model = fileURLToPath(new URL("../../assets/medtiny-f16.gguf", import.meta.url));
const result = await evaluateLikelihood({ model, task, data });
console.log(likelihoodTable([result]));
for (const { id, chosen, gold } of result.items)
  console.log(`${id}: choice ${chosen}, ${gold.includes(chosen) ? "right" : `wrong; ${gold[0]} is right`}`);
