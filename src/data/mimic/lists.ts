import type { TextRule } from "../text/rule.js";

/** A bullet or number at the start of a line, and the blank behind it. */
const BULLET = /^ *(?:\*{1,3}|[•·▪◦‣]|->|--|#(?!\d)) */;
const NUMBER = /^ *(\d{1,2})[.)](?= *[A-Za-z]| *$) */;
const MARKER_ONLY = /^(?:-|\d{1,2}\.) *$/;

/**
 * List items start alike: `* x`, `• x`, `# x`, `** x`, `-- x` as `- x`, and `1) x`, `1.x` as `1. x`. A marker alone on its line
 * takes the next line that is not empty. `+`, and `-` with a blank, mean findings as often as items and stay; numbers with
 * decimals and `#30` are no markers, and `(2) units given` keeps its parentheses, which may hold a quantity.
 */
export const lists: TextRule = { name: "mimic/lists@3", apply: repairLists };

/** True for a line that {@link lists} has left as the start of an item. */
export function isListItem(line: string): boolean {
  return /^ *(?:[-+] |\d{1,2}\. |\(\d{1,2}\) +[A-Z])/.test(line);
}

function repairLists(text: string): string {
  const result: string[] = [];
  let marker: string | undefined;
  for (const line of text.split("\n")) {
    const item = beginsWithWord(line) ? line : normalised(line);
    if (marker !== undefined) {
      if (item.trim() === "") continue;
      const isNew = isListItem(item);
      result.push(isNew ? marker : `${marker} ${item.trimStart()}`);
      marker = undefined;
      if (!isNew) continue;
    }
    if (!beginsWithWord(item) && MARKER_ONLY.test(item)) marker = item.trimEnd();
    else result.push(item);
  }
  if (marker !== undefined) result.push(marker);
  return result.join("\n");
}

/** Most lines do, and need no expression. */
function beginsWithWord(line: string): boolean {
  let at = 0;
  while (line.charCodeAt(at) === 0x20) at += 1;
  const code = line.charCodeAt(at);
  return code >= 0x41 && code <= 0x7a;
}

function normalised(line: string): string {
  const bullet = BULLET.exec(line);
  if (bullet) return `- ${line.slice(bullet[0].length)}`;
  const number = NUMBER.exec(line);
  return number ? `${number[1]}. ${line.slice(number[0].length)}` : line;
}
