import { readFile } from "node:fs/promises";
import { LineCounter, parseDocument, type YAMLParseError } from "yaml";
import { fileError, MediloraError } from "../errors.js";

/**
 * What a YAML file holds.
 * @throws MediloraError `FILE_NOT_FOUND` or `FILE_READ`; `CONFIG_INVALID` for a YAML error, with line and column
 */
export async function readYaml(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw fileError(error, path, "read");
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const error = document.errors[0];
  if (error) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new MediloraError(
      "CONFIG_INVALID",
      `${path} is no valid YAML at line ${line}, column ${col}: ${messageOf(error)}`,
    );
  }
  try {
    return document.toJS();
  } catch (cause) {
    // An alias without its anchor, or aliases that multiply without end.
    throw new MediloraError("CONFIG_INVALID", `${path} has YAML aliases that cannot be resolved. Write them out.`, {
      cause,
    });
  }
}

function messageOf({ code, message }: YAMLParseError): string {
  // The library's own advice is for programmers.
  return code === "MULTIPLE_DOCS" ? "a second document begins here. Put each into a file of its own" : message;
}
