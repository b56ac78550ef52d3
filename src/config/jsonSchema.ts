import { z } from "zod";
import { WITHOUT_EFFECT } from "./axolotlKeys.js";
import { DATASET_KEYS, UNSUPPORTED, type UnsupportedKeys } from "./axolotlRefused.js";
import { trainConfigSchema } from "./schema.js";

type Schema = Record<string, unknown> & { properties?: Record<string, Schema>; required?: string[] };

/**
 * JSON Schema of a training configuration, for editors (draft 2020-12). Keys of Axolotl are in it, marked as deprecated,
 * with what stands in their place. What several keys must agree on is not.
 */
export function trainConfigJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(trainConfigSchema, { io: "input" }) as Schema;
  const datasets = schema.properties!.datasets!.items as { oneOf: Schema[] };
  // A preset brings the adapter.
  schema.required = schema.required?.filter((key) => key !== "adapter");
  for (const object of [schema, schema.properties!.model_config!, ...datasets.oneOf]) allowEmpty(object);
  for (const dataset of datasets.oneOf) Object.assign(dataset.properties!, refusedProperties(DATASET_KEYS));
  for (const dataset of datasets.oneOf.filter(({ properties }) => properties?.type?.const === "chatml"))
    dataset.properties!.type = { ...dataset.properties!.type, const: undefined, enum: ["chatml", "chat_template"] };
  return {
    ...schema,
    title: "medilora training configuration",
    properties: { ...schema.properties, ...axolotlProperties() },
  };
}

/** `key:` with nothing behind it means the default, as {@link parseTrainConfig} has it. */
function allowEmpty({ properties = {}, required = [] }: Schema): void {
  for (const [key, schema] of Object.entries(properties)) {
    if (required.includes(key)) continue;
    if (Array.isArray(schema.anyOf)) schema.anyOf.push({ type: "null" });
    else schema.type = [schema.type, "null"];
    if (Array.isArray(schema.enum)) schema.enum.push(null);
  }
}

function axolotlProperties(): Record<string, object> {
  const effect = WITHOUT_EFFECT.flatMap(({ keys, answer }) =>
    keys.map((key) => [key, { deprecated: true, description: `No effect: ${answer}.` }]),
  );
  return {
    ...Object.fromEntries(effect),
    ...refusedProperties(UNSUPPORTED),
    auto_resume_from_checkpoints: {
      deprecated: true,
      description: "true: the same as resume_from_checkpoint: auto.",
      type: ["boolean", "null"],
    },
  };
}

function refusedProperties(table: readonly UnsupportedKeys[]): Record<string, Schema> {
  return Object.fromEntries(
    table.flatMap(({ keys, answer }) =>
      keys.map((key) => [key, { deprecated: true, description: `Not supported. ${answer}.` }]),
    ),
  );
}
