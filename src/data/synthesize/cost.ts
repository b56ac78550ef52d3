import { readFile } from "node:fs/promises";
import { z } from "zod";
import { fileError, MediloraError } from "../../errors.js";

/** What a model's tokens cost. */
export interface ModelPrice {
  /** ISO 4217, such as USD. */
  currency: string;
  /** For a million tokens of prompts. */
  prompt_per_million: number;
  /** For a million tokens of answers. */
  completion_per_million: number;
}

const priceTable = z.record(
  z.string(),
  z.strictObject({
    currency: z.string().regex(/^[A-Z]{3}$/),
    prompt_per_million: z.number().nonnegative(),
    completion_per_million: z.number().nonnegative(),
  }),
);

/**
 * The price of a model from a table, `{"<model>": {currency, prompt_per_million, completion_per_million}}`.
 * @throws MediloraError `DATA_INVALID` for another form, naming model and field; `ARGUMENT_INVALID` when the model is
 *   not in it; `FILE_NOT_FOUND`, `FILE_READ`
 */
export async function readPrice(path: string, model: string): Promise<ModelPrice> {
  const text = await readFile(path, "utf8").catch((error) => Promise.reject(fileError(error, path, "read")));
  const table = priceTable.safeParse(parseJson(text));
  if (!table.success) {
    const field = table.error.issues[0]?.path.join(".") ?? "";
    throw new MediloraError(
      "DATA_INVALID",
      `${path}: ${field === "" ? "the table" : `field ${field}`} is not as it must be. ` +
        'Write {"<model>": {"currency": "USD", "prompt_per_million": 0.1, "completion_per_million": 0.4}}.',
    );
  }
  const price = Object.hasOwn(table.data, model) ? table.data[model] : undefined;
  if (price !== undefined) return price;
  throw new MediloraError("ARGUMENT_INVALID", `${path} has no price for the model ${model}. Add it to the table.`);
}

/** Cost of tokens in the price's currency; 0 without a price, on one's own computer. */
export function costOf(price: ModelPrice | undefined, promptTokens: number, completionTokens: number): number {
  if (price === undefined) return 0;
  return (promptTokens * price.prompt_per_million + completionTokens * price.completion_per_million) / 1e6;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
