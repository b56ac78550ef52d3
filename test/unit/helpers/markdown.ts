import { readdirSync, readFileSync } from "node:fs";
import { repoFile } from "../../native/helpers.js";

/** A block of code in a document; `where` is "docs/cli.md, line 12". */
export interface CodeBlock {
  where: string;
  /** Of a fenced block what stands behind the fence; "indented" for four spaces. */
  language: string;
  text: string;
}

/** The documents that are kept true, by their paths in the repository. */
export function documents(): string[] {
  const inFolder = (folder: string) =>
    readdirSync(repoFile(folder), { recursive: true })
      .map((file) => `${folder}/${String(file).replaceAll("\\", "/")}`)
      .filter((file) => file.endsWith(".md") && !file.includes("node_modules"));
  const top = readdirSync(repoFile(".")).filter((file) => file.endsWith(".md"));
  return [...top, ...inFolder("docs"), ...inFolder("examples"), ...inFolder("assets")].sort();
}

export function readDocument(path: string): string {
  return readFileSync(repoFile(path), "utf8");
}

/** Fenced blocks, and paragraphs that four spaces make code. */
export function codeBlocks(path: string, text = readDocument(path)): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: CodeBlock | undefined;
  const begin = (line: number, language: string): CodeBlock => {
    const block = { where: `${path}, line ${line}`, language, text: "" };
    blocks.push(block);
    return block;
  };
  for (const [i, line] of text.split("\n").entries()) {
    const fence = /^```(\w*)/.exec(line);
    const fenced = open !== undefined && open.language !== "indented";
    if (fence !== null) open = fenced ? undefined : begin(i + 1, fence[1]!);
    else if (fenced) open!.text += `${line}\n`;
    else if (!line.startsWith("    ")) open = undefined;
    else {
      open ??= begin(i + 1, "indented");
      open.text += `${line.slice(4)}\n`;
    }
  }
  return blocks;
}

/** The document without its blocks and spans of code: what links and headings are looked for in. */
export function prose(path: string): string {
  const lines = readDocument(path).split("\n");
  let fenced = false;
  return lines
    .map((line) => {
      const fence = line.startsWith("```");
      if (fence) fenced = !fenced;
      return fence || fenced || line.startsWith("    ") ? "" : line;
    })
    .join("\n");
}

/** Anchors of a document's headings, as GitHub makes them. */
export function anchors(path: string): Set<string> {
  const taken = new Map<string, number>();
  const found = new Set<string>();
  for (const [, heading] of prose(path).matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const slug = heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
    const count = taken.get(slug) ?? 0;
    taken.set(slug, count + 1);
    found.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return found;
}
