import { z } from "zod";
import { UNSUPPORTED, WITHOUT_EFFECT } from "./axolotlKeys.js";
import { trainConfigSchema } from "./schema.js";

/**
 * JSON Schema of a training configuration, for editors (draft 2020-12). Keys of Axolotl are in it, marked as deprecated,
 * with what stands in their place.
 */
export function trainConfigJsonSchema(): Record<string, unknown> {
  const { required, properties, ...schema } = z.toJSONSchema(trainConfigSchema, { io: "input" });
  return {
    ...schema,
    title: "medilora training configuration",
    properties: { ...properties, ...axolotlProperties() },
    // A preset brings the adapter.
    required: required?.filter((key) => key !== "adapter"),
  };
}

function axolotlProperties(): Record<string, object> {
  const effect = WITHOUT_EFFECT.flatMap(({ keys, answer }) =>
    keys.map((key) => [key, { deprecated: true, description: `No effect: ${answer}.` }]),
  );
  const unsupported = UNSUPPORTED.flatMap(({ keys, answer }) =>
    keys.map((key) => [key, { deprecated: true, description: `Not supported. ${answer}.` }]),
  );
  return Object.fromEntries([...effect, ...unsupported]) as Record<string, object>;
}
