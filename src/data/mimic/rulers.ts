import type { TextRule } from "../text/rule.js";

const DRAWN = /[-=_*~#.+ ]{3,}/g;
const RUN = /([-=_*~#.])\1{3,}/g;

/**
 * Lines of nothing but three or more of `- = _ * ~ # . +` and spaces become empty, and runs of four or more of one sign
 * inside a line (leaders, blanks to fill in) a space. Idempotent.
 */
export const rulers: TextRule = {
  name: "mimic/rulers@1",
  apply: (text) =>
    text.replace(DRAWN, (drawn, at: number) => {
      const wholeLine = startsLine(text, at) && endsLine(text, at + drawn.length);
      return wholeLine ? "" : drawn.replace(RUN, " ");
    }),
};

function startsLine(text: string, at: number): boolean {
  return at === 0 || text[at - 1] === "\n";
}

function endsLine(text: string, at: number): boolean {
  return at === text.length || text[at] === "\n";
}
