import assert from "node:assert/strict";
import type { ExtractionRule } from "../../../dist/eval/extraction.js";

export type Case = [response: string, label: string | null];

/** Asserts what a rule reads from each of at least 60 different responses. */
export function checkAll(rule: ExtractionRule, cases: Case[]): void {
  assert.ok(cases.length >= 60, `only ${cases.length} cases`);
  assert.equal(new Set(cases.map(([response]) => response)).size, cases.length, "a case stands twice");
  for (const [response, label] of cases)
    assert.equal(rule.extract(response), label, `${rule.id} on ${JSON.stringify(response)}`);
}
