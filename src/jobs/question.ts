import { type Canonical, canonical, signatureOf } from "../canonical.ts";
import { preparationOf } from "../engines/preparation.ts";
import type { PipelineSpec } from "../pipelines/schema.ts";

/** What of a job decides which question it asks: its inputs by what they are, and its parameters. */
export type Question = {
  inputs: { key: string; identity: string }[];
  params: { [key: string]: unknown };
};

/** The name of a recipe in an organization's database. */
export function specHash(spec: PipelineSpec): string {
  return signatureOf(canonical(spec));
}

/** Signs questions to one recipe: two jobs with the same `input_signature` ask the same. */
export function questionSigner(spec: PipelineSpec): (question: Question) => string {
  const [spec_hash, basis] = [specHash(spec), basisOf(spec)];
  return ({ inputs, params }) =>
    signatureOf({ spec: spec_hash, basis, input: identityOf(inputs), params: canonical(params) });
}

/** Questions to one recipe, each with its signature. */
export function signed<Q extends Question>(
  spec: PipelineSpec,
  questions: Q[],
): (Q & { input_signature: string })[] {
  const sign = questionSigner(spec);
  return questions.map((question) => ({ ...question, input_signature: sign(question) }));
}

/** What this program itself adds to the question: how it prepares inputs and reads answers, engine by engine. */
function basisOf(spec: PipelineSpec): Canonical {
  const engines = [...new Set(Object.values(spec.tasks).map((task) => task.engine))];
  return Object.fromEntries(engines.map((engine) => [engine, preparationOf(engine)]));
}

/** One input is what it is; several are told apart by their names. */
function identityOf(inputs: Question["inputs"]): Canonical {
  if (inputs.length === 1) return inputs[0]?.identity ?? null;
  return Object.fromEntries(inputs.map(({ key, identity }) => [key, identity]));
}
