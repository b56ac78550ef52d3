import type { z } from "zod";

/** The rows of a table of keys as the documentation has them: key, default, meaning. */
export function keyTable(schema: z.ZodObject): string {
  return Object.entries(schema.shape)
    .map(([key, field]) => `| \`${key}\` | ${defaultOf(field as z.ZodType)} | ${(field as z.ZodType).description} |`)
    .join("\n");
}

function defaultOf(field: z.ZodType): string {
  const parsed = field.safeParse(undefined);
  if (!parsed.success) return "required";
  if (parsed.data === undefined) return "";
  return `\`${Array.isArray(parsed.data) ? parsed.data.join(", ") : String(parsed.data)}\``;
}

/** The rows of a table of Axolotl's keys: keys, answer. */
export function answerTable(
  table: ReadonlyArray<{ keys: readonly string[]; answer: string; fine?: readonly unknown[] }>,
) {
  return table
    .map(({ keys, answer, fine = [] }) => {
      const values = fine.map((value) => `\`${JSON.stringify(value).replaceAll('"', "")}\``).join(", ");
      return `| ${keys.map((key) => `\`${key}\``).join(", ")} | ${answer}.${values ? ` ${values} is fine.` : ""} |`;
    })
    .join("\n");
}
