import { writeFile } from "node:fs/promises";
import { facts } from "./support.js";

export type MmluRow = readonly [question: string, options: readonly string[], answer: number];

/** Writes rows as MMLU publishes them. */
export async function mmluFile(path: string, rows: readonly MmluRow[]): Promise<string> {
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const lines = rows.map(
    ([question, options, answer]) => `${[question, ...options].map(quote).join()},${"ABCD"[answer]}`,
  );
  await writeFile(path, lines.join("\n"));
  return path;
}

/** Questions of 20 to 200 tokens. */
export function ownRows(count: number): MmluRow[] {
  return Array.from({ length: count }, (_, i) => {
    const options = [3, 1, 4, 2].map((step) => facts[(i * step + 1) % facts.length]!.slice(0, 12 + (i % 9)).trim());
    return [`${facts[i % facts.length]!.repeat(1 + (i % 4))}Which one fits ${i}?`, options, i % 4];
  });
}
