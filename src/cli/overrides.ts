import { dirname } from "node:path";
import { parse } from "yaml";
import { parseTrainConfig } from "../config/load.js";
import type { TrainConfig } from "../config/schema.js";
import { readYaml } from "../config/yaml.js";
import { MediloraError } from "../errors.js";

/** A key of the configuration, from the outside in, and its value. */
interface Override {
  path: string[];
  value: unknown;
}

/**
 * Reads a training configuration with some keys as if the file said so: presets, checks and relative paths (from the
 * file's folder) hold for them too.
 * @throws MediloraError as parseTrainConfig does, and as {@link readYamlWith}
 */
export async function loadConfigWith(
  path: string,
  settings: readonly string[],
  onNote?: (note: string) => void,
): Promise<TrainConfig> {
  const written = await readYamlWith(path, settings);
  return parseTrainConfig(written, { baseDir: dirname(path), source: path, ...(onNote && { onNote }) });
}

/**
 * What a YAML file holds, with some keys set.
 * @param settings `key=value` each. The value is YAML: `16`, `true`, `[q_proj, v_proj]` and plain words are what they
 *   look like. A dot leads into an object or, before digits, to an element of a list: `datasets.0.path=rows.jsonl`.
 * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`, `CONFIG_INVALID`; `ARGUMENT_INVALID` for a setting that cannot be
 *   read or placed
 */
export async function readYamlWith(path: string, settings: readonly string[]): Promise<unknown> {
  const overrides = settings.map(parseOverride);
  let written = await readYaml(path);
  for (const { path: keys, value } of overrides) written = withValue(written, keys, value, keys.join("."));
  return written;
}

function parseOverride(text: string): Override {
  const equals = text.indexOf("=");
  const path = text.slice(0, Math.max(0, equals)).trim().split(".");
  if (path.includes(""))
    throw new MediloraError(
      "ARGUMENT_INVALID",
      "--set takes key=value, such as num_epochs=3 or datasets.0.path=a.jsonl.",
    );
  try {
    return { path, value: parse(text.slice(equals + 1)) as unknown };
  } catch {
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `--set ${path.join(".")}: the value is no valid YAML. Quote it for YAML.`,
    );
  }
}

/** A copy with one value set; missing objects on the way are made. */
function withValue(target: unknown, [key, ...rest]: string[], value: unknown, name: string): unknown {
  if (key === undefined) return value;
  if (Array.isArray(target)) {
    const index = /^\d+$/.test(key) ? Number(key) : Number.NaN;
    if (!(index < target.length))
      throw new MediloraError(
        "ARGUMENT_INVALID",
        `--set ${name}: ${key} is no element of the list (0 to ${target.length - 1}).`,
      );
    return target.map((element: unknown, i) => (i === index ? withValue(element, rest, value, name) : element));
  }
  if (target !== undefined && target !== null && typeof target !== "object")
    throw new MediloraError(
      "ARGUMENT_INVALID",
      `--set ${name}: ${key} would stand inside a plain value. Check the key.`,
    );
  const object = (target ?? {}) as Record<string, unknown>;
  return { ...object, [key]: withValue(Object.hasOwn(object, key) ? object[key] : undefined, rest, value, name) };
}
