import assert from "node:assert/strict";
import { test } from "node:test";
import { type TSchema, Type } from "typebox";
import type { EngineName } from "../engines/engine.ts";
import { VinaParams } from "../engines/vina/schema.ts";
import { XtbParams } from "../engines/xtb/schema.ts";
import { validateSpec } from "../pipelines/validate.ts";
import { readSeeds } from "./files.ts";
import { definitionsOf } from "./schema.ts";

const seed = Type.Integer({ minimum: 1, maximum: 2_147_483_647, description: "of the 3D generator (42)" });
const orOwn = (schema: TSchema, description: string) =>
  Type.Optional(Type.Union([schema, Type.Null()], { description }));

/** What a task of each engine takes: the program's own parameters, and what its `prepare` reads beside them. */
const TAKES: Record<EngineName, TSchema> = {
  xtb: Type.Object(
    {
      ...Type.Partial(XtbParams).properties,
      charge: orOwn(Type.Integer({ unit: "e", minimum: -100, maximum: 100 }), "null is the input's own"),
      multiplicity: orOwn(
        Type.Integer({ unit: "1", minimum: 1, maximum: 100 }),
        "2S + 1; null is the input's own",
      ),
      seed: Type.Optional(seed),
    },
    { additionalProperties: false },
  ),
  vina: Type.Object(
    {
      ...Type.Partial(VinaParams).properties,
      site_id: Type.String({ description: "the binding site" }),
    },
    { additionalProperties: false },
  ),
};

test("a task definition says of its parameters what the engine's own schema says", async () => {
  const { task_definitions } = await readSeeds();
  for (const [name, schema] of Object.entries(TAKES)) {
    const seeded = task_definitions.find((one) => one.name === name);
    assert.deepEqual(
      seeded?.input_schema,
      JSON.parse(JSON.stringify(schema)),
      `seeds/task_definitions.json, ${name}: put this in as input_schema: ${JSON.stringify(schema)}`,
    );
  }
});

test("every template is a graph without a fault or a warning", async () => {
  const seeds = await readSeeds();
  for (const { name, spec } of seeds.pipeline_templates)
    assert.deepEqual(validateSpec(spec, definitionsOf(seeds)), [], name);
});
