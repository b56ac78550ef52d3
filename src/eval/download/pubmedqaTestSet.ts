import { readFile } from "node:fs/promises";
import { isObject, recordError } from "../../data/formats/record.js";
import { fileError } from "../../errors.js";
import { writeFileAtomic } from "../../util/atomicFile.js";

/**
 * Writes PubMedQA's official test set: the records of ori_pqal.json whose ids test_ground_truth.json holds, in its order,
 * as the authors' split_dataset.py does.
 * @throws MediloraError `DATA_INVALID` for a file that is no object, or an id without a record; `FILE_NOT_FOUND`,
 *   `FILE_READ`, `FILE_WRITE`, `DISK_FULL`
 */
export async function writePubMedQATestSet(labelled: string, groundTruth: string, output: string): Promise<void> {
  const records = await readObject(labelled);
  const ids = Object.keys(await readObject(groundTruth));
  const absent = ids.findIndex((id) => !Object.hasOwn(records, id));
  if (absent >= 0) throw recordError(`${groundTruth}, id ${absent + 1}`, `has no record in ${labelled}`);
  await writeFileAtomic(output, JSON.stringify(Object.fromEntries(ids.map((id) => [id, records[id]]))));
}

async function readObject(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw fileError(error, path, "read");
  });
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // The parser's own message quotes the text, so it is not passed on as a cause.
  }
  throw recordError(path, "is not a JSON object; get it again");
}
