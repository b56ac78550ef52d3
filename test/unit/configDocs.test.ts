import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { WITHOUT_EFFECT } from "../../dist/config/axolotlKeys.js";
import { DATASET_KEYS, UNSUPPORTED } from "../../dist/config/axolotlRefused.js";
import { trainConfigJsonSchema } from "../../dist/config/jsonSchema.js";
import { modelConfigSchema, trainConfigSchema } from "../../dist/config/schema.js";
import { evalSchema, pipelineSchema, prepareSchema } from "../../dist/pipeline/schema.js";
import { repoFile } from "../native/helpers.js";
import { runCli } from "./helpers/cli.js";
import { answerTable, keyTable } from "./helpers/keyTable.js";

const document = (name: string) => readFileSync(repoFile(`docs/${name}`), "utf8");

test("docs/configuration.md has every key with its default and meaning, and an answer to each key of Axolotl", () => {
  const text = document("configuration.md");
  for (const table of [
    keyTable(trainConfigSchema),
    keyTable(modelConfigSchema),
    answerTable(WITHOUT_EFFECT),
    answerTable(UNSUPPORTED),
    answerTable(DATASET_KEYS),
  ])
    assert.ok(text.includes(`\n${table}\n`), `docs/configuration.md needs this table:\n${table}`);
});

test("docs/pipelines.md has every key of pipelines, evaluations and preparations", () => {
  const text = document("pipelines.md");
  for (const schema of [pipelineSchema, evalSchema])
    for (const key of Object.keys(schema.shape)) assert.ok(text.includes(`| \`${key}\` |`), key);
  for (const option of prepareSchema.options)
    for (const key of Object.keys(option.shape)) assert.ok(text.includes(`\`${key}\``), key);
});

test("no key of Axolotl is in two tables, or is also a key of ours", () => {
  const keys = [...WITHOUT_EFFECT, ...UNSUPPORTED].flatMap((row) => row.keys);
  assert.equal(new Set(keys).size, keys.length);
  assert.deepEqual(
    keys.filter((key) => Object.hasOwn(trainConfigSchema.shape, key)),
    [],
  );
});

test("the committed JSON Schema is what medilora config schema prints", async () => {
  const committed = JSON.parse(readFileSync(repoFile("schema/medilora.schema.json"), "utf8")) as object;
  assert.deepEqual(
    committed,
    JSON.parse(JSON.stringify(trainConfigJsonSchema())),
    "run: node dist/cli/medilora.js config schema > schema/medilora.schema.json && npx biome format --write schema",
  );
  const { code, stdout } = await runCli(["config", "schema"]);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), committed);
});

test("the JSON Schema knows types, ranges and what is required", () => {
  const { properties, required, additionalProperties } = trainConfigJsonSchema() as {
    properties: Record<string, Record<string, unknown>>;
    required: string[];
    additionalProperties: boolean;
  };
  assert.equal(additionalProperties, false);
  assert.deepEqual(required, ["datasets", "output_dir"]);
  assert.equal(properties.lora_r?.minimum, 1);
  assert.equal(properties.lora_r?.default, 8);
  assert.deepEqual(properties.lr_scheduler?.enum, ["cosine", "linear", "constant", null]);
  assert.equal(properties.flash_attention?.deprecated, true);
  assert.deepEqual(properties.lora_model_dir?.type, ["string", "null"], "an empty key is fine");
  assert.equal(properties.output_dir?.type, "string", "one that is required is not");
  assert.deepEqual(properties.gradient_checkpointing?.anyOf, [
    { type: "boolean" },
    { type: "string", const: "auto" },
    { type: "null" },
  ]);
  const { oneOf } = properties.datasets!.items as { oneOf: Array<{ properties: Record<string, object> }> };
  assert.deepEqual(
    oneOf.map(({ properties: { type, ds_type } }) => [type, ds_type && "deprecated" in ds_type]),
    [
      [{ ...oneOf[0]!.properties.type, type: "string", enum: ["chatml", "chat_template"] }, true],
      [{ ...oneOf[1]!.properties.type, type: "string", const: "completion" }, true],
    ],
  );
});
