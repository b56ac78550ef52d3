import type { AdapterOptions, GgufDescription } from "../native/binding.js";
import { readGguf } from "../native/gguf.js";
import { sha256File } from "../util/hash.js";
import { splitParts } from "../util/splitModel.js";
import { packageVersion } from "../util/version.js";

const PREFIX = "medilora.";

/** The `medilora.` texts of a file's metadata, such as a training's hashes of its configuration and data. */
export function ownMetadata({ metadata }: GgufDescription): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).filter(
      (entry): entry is [string, string] => entry[0].startsWith(PREFIX) && typeof entry[1] === "string",
    ),
  );
}

/**
 * Metadata of a merged model: the SHA-256 of each adapter, the weight of each, and what the adapters' own `medilora.`
 * keys say; of several adapters those get the adapter's number.
 */
export async function adapterProvenance(
  adapters: readonly AdapterOptions[],
  { scale = 1, signal }: { scale?: number | undefined; signal?: AbortSignal | undefined },
): Promise<Record<string, string>> {
  const metadata: Record<string, string> = {};
  for (const [i, { path, scale: weight = 1 }] of adapters.entries()) {
    const own = `${PREFIX}adapter.${i}.`;
    // An imported adapter's keys are whatever its author wrote: none may speak of adapters that are not there.
    for (const [key, text] of Object.entries(ownMetadata(await readGguf(path))))
      if (!key.startsWith(`${PREFIX}adapter.`))
        metadata[adapters.length === 1 ? key : `${own}${key.slice(PREFIX.length)}`] = text;
    metadata[`${own}sha256`] = await sha256File(path, signal);
    metadata[`${own}weight`] = String(weight * scale);
  }
  return { ...metadata, [`${PREFIX}version`]: packageVersion() };
}

/** The paths of a model's parts; they are known to be there when the model could be read. */
export function modelParts(path: string, { metadata }: GgufDescription): string[] {
  return Number(metadata["split.count"] ?? 1) <= 1 ? [path] : splitParts(path);
}
