import assert from "node:assert/strict";
import { test } from "node:test";
import { OPERATIONS } from "../features.ts";
import { UUID_PATTERN } from "../fields.ts";
import { newId } from "../ids.ts";
import type { Operation } from "../operation.ts";
import { auditBody, auditEntry } from "./entry.ts";
import { ACTIONS, ENTITY_TYPES } from "./vocabulary.ts";

const operations = OPERATIONS as unknown as Operation[];

type Shape = {
  type?: string;
  pattern?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Shape[];
  allOf?: Shape[];
  properties?: { [name: string]: Shape };
  items?: Shape;
};

/**
 * A value of a shape, with every field that may be left out. Each text that is neither an id nor one of our words says
 * where it stands; each number that could be a result is no whole one, which no chain holds.
 */
function sampleOf(shape: Shape, at: string): unknown {
  if (shape.const !== undefined) return shape.const;
  if (shape.enum !== undefined) return shape.enum[0];
  if (shape.anyOf !== undefined) return sampleOf(shape.anyOf[0] ?? {}, at);
  if (shape.allOf !== undefined)
    return Object.assign({}, ...shape.allOf.map((part) => sampleOf(part, at) as object));
  if (shape.properties !== undefined) {
    const fields = Object.entries(shape.properties);
    return Object.fromEntries(fields.map(([name, part]) => [name, sampleOf(part, `${at}.${name}`)]));
  }
  if (shape.type === "array") return [sampleOf(shape.items ?? {}, at)];
  if (shape.type === "integer") return 7;
  if (shape.type === "number") return 0.5;
  if (shape.type === "boolean") return true;
  if (shape.type === "null") return null;
  return shape.type === "string" && shape.pattern === UUID_PATTERN ? newId() : `«${at}»`;
}

/** The only texts that the log is told beside ids and words of ours: none is a structure, a secret or a person's. */
const TEXTS: { [operation: string]: string[] } = {
  // Permissions, which is what scopes are.
  "key.create": ["answer.scopes"],
  "key.revoke": ["answer.scopes"],
  // Names and versions of recipes.
  "pipeline.create": ["answer.version"],
  "pipeline.publish": ["answer.version"],
  "pipeline.run": ["answer.pipeline_version"],
  "batch.create": ["question.pipeline"],
  // Codes that jobs failed with: one that none had is not told.
  "batch.retry": ["question.code"],
  "failure.retry": ["question.code"],
};

for (const one of operations) {
  const { told } = one;
  // What an operation places itself is looked at as it stands in the log (one-row.test.ts).
  if (told === undefined || told === true) continue;
  test(`${one.name} tells the audit log nothing that was said or answered but what is listed here`, () => {
    const question = sampleOf(one.input as Shape, "question");
    const entry = told(question as never, sampleOf(one.output as Shape, "answer") as never);
    // Refuses whatever is no whole number.
    const { entity_type, entity_id = null, metadata = {} } = entry;
    assert.ok(ENTITY_TYPES.includes(entity_type), entity_type);
    const text = auditBody(auditEntry({ action: one.name, entity_type, entity_id, metadata }));
    const found = [...text.matchAll(/«([^»]*)»/g)].map(([, place]) => place);
    assert.deepEqual(found, TEXTS[one.name] ?? []);
  });
}

/** Rows that no operation of that name makes. */
const MACHINERY = [
  ...[
    "auth.login_failed",
    "auth.refresh_reused",
    "lane.set",
    "org.adopt",
    "org.purge",
    "org.reindex",
    "seed",
  ],
  ...["user.reset_password", "user.set_password", "worker.drain"],
];

test("what may be asked for is what the log says: every change, every list that can be exported, the machinery", () => {
  const paged = ({ output }: Operation) => Object.hasOwn((output as Shape).properties ?? {}, "next_cursor");
  const said = operations.filter(
    (one) => one.told !== undefined || (one.http.method === "GET" && paged(one)),
  );
  const known = Object.entries(ACTIONS).flatMap(([noun, verbs]) =>
    verbs.length === 0 ? [noun] : verbs.map((verb) => `${noun}.${verb}`),
  );
  assert.deepEqual(known.toSorted(), [...said.map(({ name }) => name), ...MACHINERY].toSorted());
});
