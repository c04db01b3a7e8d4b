import assert from "node:assert/strict";
import { test } from "node:test";
import type { TSchema } from "typebox";
import { Check } from "typebox/value";
import { unitOf } from "./docs/units.ts";
import { FOLLOWS, OPERATIONS } from "./features.ts";
import { MOST_IDS_IN_URL } from "./fields.ts";
import type { Follow, Operation } from "./operation.ts";

/** As JSON Schema has it. */
type Shape = {
  type?: string;
  description?: string;
  examples?: unknown[];
  unit?: string;
  shape?: string;
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  maxLength?: number;
  maxItems?: number;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  exclusiveMaximum?: number;
  maxProperties?: number;
  propertyNames?: Shape;
  anyOf?: Shape[];
  allOf?: Shape[];
  items?: Shape | Shape[];
  required?: string[];
  properties?: { [name: string]: Shape };
  patternProperties?: { [pattern: string]: Shape };
  additionalProperties?: Shape | boolean;
};

/** A schema, where it stands, and the name of the field that it is, or is a part of. */
type Place = { at: string; name: string; schema: Shape; isField: boolean };

const operations = OPERATIONS as unknown as Operation[];
const follows = FOLLOWS as unknown as Follow[];
const all = [...operations, ...follows];

/** A schema with every schema in it. */
function placesOf(schema: Shape, at: string, name = "", isField = false): Place[] {
  const { properties = {}, patternProperties = {}, additionalProperties, anyOf = [], allOf = [] } = schema;
  const others = typeof additionalProperties === "object" ? [additionalProperties] : [];
  const items = [schema.items ?? []].flat();
  return [
    { at, name, schema, isField },
    ...Object.entries(properties).flatMap(([key, field]) => placesOf(field, `${at}.${key}`, key, true)),
    ...[...Object.values(patternProperties), ...others].flatMap((one) => placesOf(one, `${at}.*`, name)),
    ...items.flatMap((one) => placesOf(one, `${at}[]`, name)),
    ...[...anyOf, ...allOf].flatMap((one) => placesOf(one, at, name)),
  ];
}

const inputs = all.flatMap(({ name, input }) => placesOf(input as Shape, `${name} input`));
const outputs = [
  ...operations.flatMap(({ name, output }) => placesOf(output as Shape, `${name} output`)),
  ...follows.flatMap(({ name, told_as }) => placesOf(told_as as Shape, `${name} told_as`)),
];
const everywhere = [...inputs, ...outputs];
const isNumber = ({ type }: Shape) => type === "number" || type === "integer";

/** Fails with the first few places of which it holds. */
function none(places: Place[], what: string): void {
  const at = [...new Set(places.map((place) => place.at))];
  assert.deepEqual(at.slice(0, 10), [], `${at.length} ${what}`);
}

test("every field of every operation says in words what it is", () => {
  none(
    everywhere.filter(({ schema, isField }) => isField && (schema.description ?? "").trim().length < 5),
    "fields have no description",
  );
});

test("nothing that is given is without bounds", () => {
  const isOpen = ({ schema }: Place): boolean => {
    if (schema.enum !== undefined || schema.const !== undefined) return false;
    if (schema.type === "string") return schema.maxLength === undefined && !isBounded(schema.pattern);
    if (schema.type === "array") return schema.maxItems === undefined;
    if (isNumber(schema))
      return (
        (schema.minimum ?? schema.exclusiveMinimum) === undefined ||
        (schema.maximum ?? schema.exclusiveMaximum) === undefined
      );
    if (schema.type !== "object" || schema.additionalProperties === false) return false;
    return schema.maxProperties === undefined || schema.propertyNames?.maxLength === undefined;
  };
  none(inputs.filter(isOpen), "strings, numbers, lists or objects of inputs have no bounds");
});

/** Whether all that fits a pattern is of a limited length. */
function isBounded(pattern: string | undefined): boolean {
  return pattern?.startsWith("^") === true && pattern.endsWith("$") && !/[^\\][*+]|,\}/.test(pattern);
}

test("every number says its unit, and the one that its name says; lists of numbers say their shape", () => {
  const numbers = everywhere.filter(({ schema }) => isNumber(schema));
  none(
    numbers.filter(({ schema }) => schema.unit === undefined),
    "numbers have no unit",
  );
  none(
    numbers.filter(({ name, schema }) => {
      const unit = unitOf({ name, type: "double precision" });
      return unit !== null && unit !== schema.unit;
    }),
    "numbers have another unit than their name says",
  );
  const holdsNumbers = ({ items }: Shape): boolean =>
    items !== undefined && [items].flat().some((one) => one.type === "number" || holdsNumbers(one));
  none(
    everywhere.filter(({ schema }) => holdsNumbers(schema) && schema.shape === undefined),
    "lists of numbers have no shape",
  );
});

test("examples are what their fields take", () => {
  const wrong = everywhere.filter(({ schema }) =>
    schema.examples?.some((example) => !Check(schema as TSchema, example)),
  );
  none(wrong, "examples are not what their field takes");
  none(
    everywhere.filter(({ schema }) => Array.isArray(schema.items)),
    "lists are tuples, which OpenAPI writes in another way: say minItems, maxItems and shape",
  );
});

test("a URL says no more than it can: no long lists, and one level of fields", () => {
  for (const { name, http, input } of all) {
    if (http.method !== "GET" && http.method !== "DELETE") continue;
    for (const [field, schema] of Object.entries((input as Shape).properties ?? {})) {
      const parts = placesOf(schema, "");
      const deep = parts.some(({ at }) => at.split(/\.|\[/).length > 2);
      assert.equal(deep, false, `${name} asks in its URL for ${field}, which is nested`);
      const most = schema.maxItems ?? 0;
      assert.ok(
        most <= MOST_IDS_IN_URL,
        `${name} takes ${most} ${field} in its URL: make it a POST that reads`,
      );
    }
  }
});

const segmentsOf = (path: string) => path.split("/").slice(1);
const parameterOf = (segment: string) => /^\{(\w+)\}$/.exec(segment)?.[1];

test("paths are of one form, and what they name is in the input and can't be left out", () => {
  for (const { name, http, input } of all) {
    assert.match(http.path, /^(\/([a-z]+(-[a-z]+)*|\{[a-z_]+\}))+$/, name);
    assert.ok(!("reads" in http) || http.method === "POST", `${name}: only a POST says that it reads`);
    const { properties = {}, required = [] } = input as Shape;
    for (const parameter of segmentsOf(http.path).flatMap((segment) => parameterOf(segment) ?? [])) {
      assert.ok(Object.hasOwn(properties, parameter), `${name}: ${parameter} is in the path alone`);
      assert.ok(required.includes(parameter), `${name}: ${parameter} is in the path and may be left out`);
    }
  }
});

test("no URL means two operations: what stands in a path is no value of a parameter in its place", () => {
  for (const [index, one] of all.entries())
    for (const other of all.slice(index + 1))
      assert.ok(
        !meet(one, other),
        `${one.http.method} ${one.http.path} of ${one.name} and ${other.http.path} of ${other.name} meet`,
      );
});

type Asked = { http: { method: string; path: string }; input: TSchema };

function meet(one: Asked, other: Asked): boolean {
  if (one.http.method !== other.http.method) return false;
  const [here, there] = [segmentsOf(one.http.path), segmentsOf(other.http.path)];
  return (
    here.length === there.length &&
    here.every(
      (segment, index) =>
        mayBe(one, segment, there[index] ?? "") || mayBe(other, there[index] ?? "", segment),
    )
  );
}

/** Whether a segment of an operation's path may stand for what stands in another one. */
function mayBe({ input }: Asked, segment: string, theirs: string): boolean {
  const parameter = parameterOf(segment);
  if (parameter === undefined) return segment === theirs;
  const schema = (input as Shape).properties?.[parameter];
  return parameterOf(theirs) !== undefined || Check(schema as TSchema, theirs);
}

test("paths that meet are found", () => {
  const word = {
    type: "object",
    properties: { site: { type: "string" }, id: { type: "string", pattern: "^[0-9]$" } },
  };
  const asked = (path: string) => ({ http: { method: "GET", path }, input: word as unknown as TSchema });
  assert.equal(meet(asked("/sites/{site}"), asked("/sites/faults")), true);
  assert.equal(meet(asked("/sites/faults"), asked("/sites/{site}")), true);
  assert.equal(meet(asked("/sites/{id}"), asked("/sites/faults")), false);
  assert.equal(meet(asked("/sites/{id}"), asked("/sites/{site}")), true);
  assert.equal(meet(asked("/sites/{id}/a"), asked("/sites/{site}/b")), false);
});

test("a summary reads as a heading: one line, a capital first, no full stop, as no other", () => {
  for (const { name, summary } of all) assert.match(summary, /^[A-Z][^\n]{8,110}[^.\n]$/, name);
  const summaries = all.map(({ summary }) => summary);
  assert.deepEqual(summaries, [...new Set(summaries)]);
});

test("no list of an input must be of different items: to find out takes the square of their number", () => {
  const squares = all.flatMap(({ name, input }) =>
    placesOf(input as Shape, name).filter(({ schema }) => "uniqueItems" in schema),
  );
  assert.deepEqual(
    squares.map(({ at }) => at),
    [],
  );
});
