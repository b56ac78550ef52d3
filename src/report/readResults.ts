import { readFile } from "node:fs/promises";
import type { z } from "zod";
import { fileError, MediloraError } from "../errors.js";
import { generatedSchema, likelihoodSchema, type ReportResult } from "./resultSchema.js";

/**
 * The results of a file that holds what `medilora eval --json` prints.
 * @throws MediloraError `FILE_NOT_FOUND`, `FILE_READ`; `DATA_INVALID` with file and field
 */
export async function readResults(path: string): Promise<ReportResult[]> {
  const bytes = await readFile(path).catch((error) => Promise.reject(fileError(error, path, "read")));
  const document = parse(path, decode(bytes));
  const { results } = Object(document) as { results?: unknown };
  if (!Array.isArray(results) || results.length === 0)
    throw new MediloraError(
      "DATA_INVALID",
      `${path}: field results must be a list of results, as medilora eval --json prints it. Give such a file.`,
    );
  return checkResults(results, `${path}: results`);
}

/** The text without a byte order mark. Windows PowerShell puts one in front of what it redirects, and writes UTF-16. */
function decode(bytes: Buffer): string {
  return new TextDecoder(bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : "utf-8").decode(bytes);
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new MediloraError("DATA_INVALID", `${path} is not valid JSON. Give what medilora eval --json prints.`);
  }
}

/**
 * Checks results of whatever origin and leaves out what reports do not read.
 * @param where stands in front of the index in messages
 * @throws MediloraError `DATA_INVALID` naming the field
 */
export function checkResults(results: readonly unknown[], where = "results"): ReportResult[] {
  return results.map((result, i) => {
    const isLikelihood = typeof result === "object" && result !== null && "tasks" in result;
    const schema: z.ZodType<ReportResult> = isLikelihood ? likelihoodSchema : generatedSchema;
    const checked = schema.safeParse(result);
    if (checked.success) return checked.data;
    const [issue] = checked.error.issues;
    const field = issue!.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
    throw new MediloraError(
      "DATA_INVALID",
      `${where}[${i}]${field}: ${issue!.message}. Give results of this version of medilora, unchanged.`,
    );
  });
}
