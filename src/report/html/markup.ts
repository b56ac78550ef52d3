/** Source of HTML that is safe to put into a page. Only {@link html} and {@link trusted} make it. */
export class Html {
  constructor(readonly source: string) {}
}

export type Part = string | number | Html | readonly Html[];

/**
 * Characters that are not seen but change what is: control and format characters (those that reorder text among them),
 * line separators, lone surrogates, noncharacters. Line breaks, tabs and the joiners of Persian, Indic scripts and emoji
 * are left out. To be used with the flag u.
 */
export const HIDDEN_CHARACTERS =
  "(?!\\r\\n|[\\n\\t\\u200c\\u200d])[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Noncharacter_Code_Point}]";

const HIDDEN = new RegExp(HIDDEN_CHARACTERS, "gu");

/** A template of HTML in which every text is escaped, for elements and for attributes in double quotes. */
export function html(template: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(template.reduce((source, text, i) => source + partSource(parts[i - 1]!) + text));
}

/** HTML of our own making, such as a figure that escapes by itself. */
export function trusted(source: string): Html {
  return new Html(source);
}

/** Nothing, unless the condition holds. */
export function when(condition: boolean, make: () => Html): Html {
  return condition ? make() : new Html("");
}

function partSource(part: Part): string {
  if (part instanceof Html) return part.source;
  return typeof part === "object" ? part.map(({ source }) => source).join("\n") : escapeText(String(part));
}

/** The text with its hidden characters visible, as ⟨U+202E⟩. */
export function visibleText(text: string): string {
  return text.replace(HIDDEN, (character) => `⟨${codePointName(character)}⟩`);
}

/** Text for an element or an attribute in double quotes; hidden characters become visible. */
function escapeText(text: string): string {
  return visibleText(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function codePointName(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}

/**
 * A value as JSON that may stand in a script element and in an editor: what could end the element, open a comment or
 * reorder the source is written as \u escapes.
 */
export function scriptJson(value: unknown): Html {
  return new Html(
    JSON.stringify(value).replace(
      /[<>&\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/gu,
      // By UTF-16 unit: beyond the basic plane an escape is a pair.
      (character) =>
        Array.from({ length: character.length }, (_, i) => unicodeEscape(character.charCodeAt(i))).join(""),
    ),
  );
}

function unicodeEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
