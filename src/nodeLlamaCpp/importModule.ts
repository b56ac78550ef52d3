import { MediloraError } from "../errors.js";

export type NodeLlamaCpp = typeof import("node-llama-cpp");

/**
 * node-llama-cpp, an optional peer dependency.
 * @throws MediloraError `NATIVE_UNAVAILABLE` when it is not installed
 */
export async function importNodeLlamaCpp(): Promise<NodeLlamaCpp> {
  try {
    return await import("node-llama-cpp");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new MediloraError(
      "NATIVE_UNAVAILABLE",
      "node-llama-cpp is not installed. Run `npm install node-llama-cpp` with the version of medilora's peerDependencies, " +
        "or give the module as nodeLlamaCpp.",
      { cause },
    );
  }
}
