/** A text with places for values. Nothing in it is run, and a value is never read as a template again. */
export interface Template {
  /** What stands between `{{` and `}}`, in order. */
  names: string[];
  render(valueFor: (name: string) => string): string;
}

/**
 * Splits a text at its `{{name}}`.
 * @returns the template, or the problem as a sentence's end for the message
 */
export function parseTemplate(text: string): Template | { problem: string } {
  // Literal, name, literal, name, ..., literal.
  const parts = text.split(/\{\{([^{}]*)\}\}/);
  const literals = parts.filter((_, i) => i % 2 === 0);
  const names = parts.filter((_, i) => i % 2 === 1).map((name) => name.trim());
  if (names.includes("")) return { problem: "has {{ }} without a name" };
  if (literals.some((literal) => /\{\{|\}\}/.test(literal))) return { problem: "has {{ or }} that is no {{name}}" };
  return {
    names,
    render: (valueFor) =>
      literals.map((literal, i) => literal + (i < names.length ? valueFor(names[i]!) : "")).join(""),
  };
}

/** The template of a text that was checked. */
export function template(text: string): Template {
  const parsed = parseTemplate(text);
  if ("problem" in parsed) throw new TypeError(parsed.problem);
  return parsed;
}
