import type { ManifestCounts, ManifestOutput } from "../data/manifest.js";
import type { RowSizes } from "../data/rowMeter.js";

/** Such as "7 of 9 records used; skipped: 2 blank". */
export function usedLine({ read, used, skipped, repeatedIds }: ManifestCounts, what: string): string {
  const reasons = Object.entries(skipped)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${count} ${reason}`);
  const left = reasons.length > 0 ? `; skipped: ${reasons.join(", ")}` : "";
  return `${used} of ${read} ${what} used${left}${repeatedIds === undefined ? "" : `; ${repeatedIds} repeated ids made unique`}`;
}

/** Such as "train  rows.jsonl: 7 rows, 1200 characters (4 yes, 3 no)". */
export function fileLine({ kind, path, ...sizes }: ManifestOutput & RowSizes): string {
  const { rows, characters, tokens, labels, labelled } = sizes;
  const counts = [`${rows} rows`, `${characters} characters`, ...(tokens === undefined ? [] : [`${tokens} tokens`])];
  const shares = Object.entries(labels).map(([label, count]) => `${count} ${label}`);
  if (labelled !== undefined) shares.push(`${labelled} with a label`);
  return `${kind.padEnd(5)}  ${path}: ${counts.join(", ")}${shares.length > 0 ? ` (${shares.join(", ")})` : ""}`;
}
