import type { TextRule } from "../text/rule.js";

const LINE = /^[-=_*~#.+ ]{3,}$/gm;
/** A dash with blanks behind it is the start of an item whose text stands on the next line. */
const SIGNS = /[^ ] *[^ ] *[^ ]/;
/** `+ + +` and `- + -` are findings; with plus signs a line is drawn only around a run of another sign, as in `+---+`. */
const FINDINGS = /\+/;
const RUN_OF_THREE = /([-=_*~#])\1{2}/;
const RUN = /-{4,}|={4,}|_{4,}|\*{4,}|~{4,}|#{4,}|\.{4,}/g;

/**
 * Lines of nothing but three or more of `- = _ * ~ # . +`, perhaps with spaces between, become empty, and runs of four or
 * more of one sign inside a line (leaders, blanks to fill in) a space. A line with `+` needs a run of three of another sign
 * as well: `+ + +` is a row of findings. Idempotent.
 */
export const rulers: TextRule = {
  name: "mimic/rulers@3",
  apply: (text) => text.replace(LINE, (line) => (isRuler(line) ? "" : line)).replace(RUN, " "),
};

function isRuler(line: string): boolean {
  return SIGNS.test(line) && (!FINDINGS.test(line) || RUN_OF_THREE.test(line));
}
