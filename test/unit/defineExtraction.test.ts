import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { defineTask } from "../../dist/eval/define/defineTask.js";
import type { GenerationDefinition } from "../../dist/eval/define/schema.js";

describe("a rule of extraction", () => {
  const labels = ["no", "no change", "Yes"];
  const rule = (extract: GenerationDefinition["extract"], own = labels) =>
    defineTask({
      ...{ kind: "generation", name: "triage", prompt: "{{q}}", gold: { field: "g", as: "text" } },
      ...{ labels: own, extract },
    }).extraction;
  const reads = (extract: GenerationDefinition["extract"], cases: Array<[string, string | null]>, own = labels) => {
    const { extract: read } = rule(extract, own);
    for (const [response, label] of cases) assert.equal(read(response), label, JSON.stringify(response));
  };

  it("starts_with: a label in any case, at a word's end, the longest", () => {
    reads({ rule: "starts_with" }, [
      [" \nYES, since", "Yes"],
      ["No change.", "no change"],
      ["no changes", "no"],
      ["none", null],
      ["no1", null],
      ["nо", null],
      ["Answer: yes", null],
      ["", null],
    ]);
  });

  it("prefix: the form with a label, as it is written", () => {
    reads({ rule: "prefix", form: "[{{label}}]" }, [
      ["  [Yes] it is", "Yes"],
      ["[yes]", null],
      ["[no change]x", "no change"],
      ["Yes", null],
    ]);
  });

  it("pattern: at the beginning, its group in any case", () => {
    reads({ rule: "pattern", pattern: "(?i)the answer is:? *([a-z]+)" }, [
      ["The answer is: YES.", "Yes"],
      ["So the answer is no", null],
      ["the answer is perhaps", null],
    ]);
  });

  it("a pattern takes linear time", () => {
    // Backtracking would try 2^40 ways to part the letters.
    reads({ rule: "pattern", pattern: "((?:a+)+)b" }, [["a".repeat(40), null]]);
    reads({ rule: "pattern", pattern: "(?:a|a|aa)*(yes)" }, [[`${"a".repeat(50_000)}no`, null]]);
  });

  it("has an id with the task and its version, or that of the built-in one", () => {
    assert.equal(rule({ rule: "starts_with" }).id, "triage/starts_with@1");
    assert.equal(rule({ rule: "medqa/prefix3@1" }, ["A", "B", "C", "D"]).id, "medqa/prefix3@1");
  });
});
