import { dirname, resolve } from "node:path";
import { readYaml } from "../../config/yaml.js";
import { type DefinedTask, parseDefinition, taskOf } from "./defineTask.js";

/**
 * The task of a YAML file, with the keys of {@link defineTask}. Relative paths in it start from its own folder.
 * @throws MediloraError `FILE_NOT_FOUND` or `FILE_READ`; `CONFIG_INVALID` for a YAML error (with line and column) or, all
 *   at once, the problems of its keys
 */
export async function loadTask(path: string): Promise<DefinedTask> {
  const definition = parseDefinition(await readYaml(path), path);
  const absolute = (file: string) => resolve(dirname(path), file);
  if (definition.data !== undefined) definition.data = absolute(definition.data);
  if (definition.kind === "likelihood" && definition.shots_file !== undefined)
    definition.shots_file = absolute(definition.shots_file);
  return taskOf(definition);
}
