import { publishedFolder } from "../tasks/bigbench.js";
import { MMLU_MEDICAL_SUBJECTS } from "../tasks/mmlu.js";

/** A file to fetch, and where it goes in the folder of benchmarks. */
export interface RemoteFile {
  url: string;
  /** Relative, with forward slashes; the tasks find it there. */
  file: string;
}

/** Where a task's files are published. */
export interface DownloadSource {
  files: readonly RemoteFile[];
  /** The test set that is made of them, where they do not hold it as such. */
  made?: string;
  /** Questions of the published set; undefined where no count was published with it. */
  questions?: number;
}

const GITHUB = "https://raw.githubusercontent.com";
const HUGGING_FACE = "https://huggingface.co/datasets";
const BIG_BENCH = `${GITHUB}/google/BIG-bench/main/bigbench/benchmark_tasks`;

function one(url: string, file: string, questions: number): DownloadSource {
  return { files: [{ url, file }], questions };
}

/** Published as two files, of which the test set is made; see {@link writePubMedQATestSet}. */
const PUBMEDQA: DownloadSource = {
  files: ["ori_pqal.json", "test_ground_truth.json"].map((name) => ({
    url: `${GITHUB}/pubmedqa/pubmedqa/master/data/${name}`,
    file: `pubmedqa/${name}`,
  })),
  made: "pubmedqa/test_set.json",
  questions: 500,
};

const MEDQA = one(
  `${HUGGING_FACE}/GBaker/MedQA-USMLE-4-options/resolve/main/phrases_no_exclude_test.jsonl`,
  "medqa/phrases_no_exclude_test.jsonl",
  1273,
);

const TRUTHFULQA = one(`${GITHUB}/sylinrl/TruthfulQA/main/data/mc_task.json`, "truthfulqa/mc_task.json", 817);

const SOURCES: Readonly<Record<string, DownloadSource>> = {
  pubmedqa: PUBMEDQA,
  pubmedqa_likelihood: PUBMEDQA,
  medqa_4options: MEDQA,
  medqa_4options_likelihood: MEDQA,
  medmcqa: one(
    `${HUGGING_FACE}/openlifescienceai/medmcqa/resolve/main/data/validation-00000-of-00001.parquet`,
    "medmcqa/medmcqa_dev.parquet",
    4183,
  ),
  truthfulqa_mc1: TRUTHFULQA,
  truthfulqa_mc2: TRUTHFULQA,
  arc_challenge: one(
    `${HUGGING_FACE}/allenai/ai2_arc/resolve/main/ARC-Challenge/test-00000-of-00001.parquet`,
    "arc/ARC-Challenge-Test.parquet",
    1172,
  ),
  arc_easy: one(
    `${HUGGING_FACE}/allenai/ai2_arc/resolve/main/ARC-Easy/test-00000-of-00001.parquet`,
    "arc/ARC-Easy-Test.parquet",
    2376,
  ),
  // SuperGLUE's copy: the original's parquet lacks the titles in front of the passages.
  boolq: one(
    `${HUGGING_FACE}/aps/super_glue/resolve/refs%2Fconvert%2Fparquet/boolq/validation/0000.parquet`,
    "boolq/boolq_dev.parquet",
    3270,
  ),
  hellaswag: one(`${GITHUB}/rowanz/hellaswag/master/data/hellaswag_val.jsonl`, "hellaswag/hellaswag_val.jsonl", 10_042),
  openbookqa: one(
    `${HUGGING_FACE}/allenai/openbookqa/resolve/main/main/test-00000-of-00001.parquet`,
    "openbookqa/openbookqa_test.parquet",
    500,
  ),
  piqa: one(
    `${HUGGING_FACE}/ybisk/piqa/resolve/refs%2Fconvert%2Fparquet/plain_text/validation/0000.parquet`,
    "piqa/piqa_validation.parquet",
    1838,
  ),
  winogrande: one(
    `${HUGGING_FACE}/allenai/winogrande/resolve/refs%2Fconvert%2Fparquet/winogrande_xl/validation/0000.parquet`,
    "winogrande/winogrande_dev.parquet",
    1267,
  ),
};

/** Where a single task's files are published as such; undefined where they are only in archives or behind a form. */
export function downloadSource(task: string): DownloadSource | undefined {
  return SOURCES[task] ?? mmluSource(task) ?? bigbenchSource(task);
}

function mmluSource(task: string): DownloadSource | undefined {
  const subject = /^mmlu_(.+?)(?:_parentheses)?$/.exec(task)?.[1];
  const questions = MMLU_MEDICAL_SUBJECTS[subject as keyof typeof MMLU_MEDICAL_SUBJECTS];
  if (questions === undefined) return undefined;
  const files = ["test", "dev"].map((split) => ({
    url: `${HUGGING_FACE}/cais/mmlu/resolve/main/${subject}/${split}-00000-of-00001.parquet`,
    file: `mmlu/${split}/${subject}_${split}.parquet`,
  }));
  return { files, questions };
}

function bigbenchSource(task: string): DownloadSource | undefined {
  const name = /^bigbench_(.+)$/.exec(task)?.[1];
  if (name === undefined) return undefined;
  return { files: [{ url: `${BIG_BENCH}/${publishedFolder(name)}/task.json`, file: `bigbench/${name}.json` }] };
}
