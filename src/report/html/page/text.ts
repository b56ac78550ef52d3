// The page's files are scripts, not modules: the report puts them behind each other into one script element.

type PageData = import("./data.js").PageData;
type PageBenchmark = import("./data.js").PageBenchmark;
type PageQuestion = import("./data.js").PageQuestion;
type PageAnswer = import("./data.js").PageAnswer;

/** Characters of a text that are shown at once: a browser lays out a longer one slowly. */
const SHOWN_CHARACTERS = 20_000;

const pageData = JSON.parse(byId("report-data").textContent ?? "") as PageData;
const hiddenCharacters = new RegExp(`(?:${pageData.hiddenCharacters})+`, "gu");

function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** An element with text and other nodes in it. Texts are shown as they are, their hidden characters by number. */
function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.flatMap((child) => (typeof child === "string" ? visibleText(child) : child)));
  return made;
}

/** The text, with a mark in place of each run of characters that cannot be seen or that reorder what is seen. */
function visibleText(text: string): Array<Node | string> {
  const nodes: Array<Node | string> = [];
  let end = 0;
  for (const match of text.matchAll(hiddenCharacters)) {
    nodes.push(text.slice(end, match.index), hiddenMark(match[0]));
    end = match.index + match[0].length;
  }
  return [...nodes, text.slice(end)];
}

/** "U+202E", or of several "U+001B U+0000 and 3 more". */
function hiddenMark(characters: string): HTMLElement {
  const names = Array.from(characters, (one) => one.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0"));
  const more = names.length > 4 ? ` and ${names.length - 4} more` : "";
  const mark = document.createElement("span");
  mark.className = "hidden-character";
  mark.title = "characters that cannot be seen";
  mark.textContent = `${names
    .slice(0, 4)
    .map((name) => `U+${name}`)
    .join(" ")}${more}`;
  return mark;
}

/** A block of text as it was written; of a very long one the beginning, with a button for the rest. */
function textBlock(text: string): HTMLElement {
  const block = element("pre", { dir: "auto" }, text.slice(0, SHOWN_CHARACTERS));
  if (text.length <= SHOWN_CHARACTERS) return block;
  const button = element("button", { type: "button" }, `Show all ${text.length.toLocaleString("en")} characters`);
  button.addEventListener("click", () => {
    block.replaceChildren(...visibleText(text));
    button.remove();
  });
  return element("div", {}, block, button);
}

/** Beginning of a text for a narrow cell. */
function clipped(text: string, length = 60): string {
  return text.length <= length ? text : `${text.slice(0, length)}…`;
}
