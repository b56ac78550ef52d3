import type { GgufDescription } from "./binding.js";
import { runJob } from "./call.js";
import { native } from "./load.js";

/**
 * Metadata and tensor list of a GGUF file, without the weights. Every tensor is known to lie inside the file.
 * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`, or `MODEL_INVALID` for a file that is no GGUF, is malformed or cut
 *   short; `NATIVE_UNAVAILABLE`
 */
export async function readGguf(path: string): Promise<GgufDescription> {
  return runJob(undefined, () => native().ggufRead(path));
}
