/** One named step of cleaning text: a pure function that runs in time linear in the length, for any string. */
export interface TextRule {
  /** `family/name@version`; another result for the same text is another version. */
  readonly name: string;
  readonly apply: (text: string) => string;
}

/** What a rule did to a document: characters (UTF-16 units) in minus characters out, by the rule's name. */
export type RemovedByRule = Record<string, number>;

/**
 * Applies rules one after the other.
 * @param onStep called after each rule with the text as it is then
 */
export function applyRules(
  text: string,
  rules: readonly TextRule[],
  onStep?: (rule: TextRule, text: string) => void,
): string {
  let current = text;
  for (const rule of rules) {
    current = rule.apply(current);
    onStep?.(rule, current);
  }
  return current;
}
