import type { TextRule } from "../text/rule.js";

const DRAWN = /[-=_*~#.+ ]{3,}/g;
/** A dash with blanks behind it is the start of an item whose text stands on the next line. */
const SIGNS = /[^ ] *[^ ] *[^ ]/;
/** `+ + +` and `- + -` are findings; with plus signs a line is drawn only around a run of another sign, as in `+---+`. */
const FINDINGS = /\+/;
const RUN_OF_THREE = /([-=_*~#])\1{2}/;
const RUN = /([-=_*~#.])\1{3,}/g;

/**
 * Lines of nothing but three or more of `- = _ * ~ # . +`, perhaps with spaces between, become empty, and runs of four or more of one sign
 * inside a line (leaders, blanks to fill in) a space. A line with `+` needs a run of three of another sign as well: `+ + +`
 * is a row of findings. Idempotent.
 */
export const rulers: TextRule = {
  name: "mimic/rulers@3",
  apply: (text) =>
    text.replace(DRAWN, (drawn, at: number) => {
      const wholeLine = startsLine(text, at) && endsLine(text, at + drawn.length);
      const isRuler = wholeLine && SIGNS.test(drawn) && (!FINDINGS.test(drawn) || RUN_OF_THREE.test(drawn));
      return isRuler ? "" : drawn.replace(RUN, " ");
    }),
};

function startsLine(text: string, at: number): boolean {
  return at === 0 || text[at - 1] === "\n";
}

function endsLine(text: string, at: number): boolean {
  return at === text.length || text[at] === "\n";
}
