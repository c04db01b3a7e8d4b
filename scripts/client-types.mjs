// Types of what the client may ask, by name, from the schemas of the operations: whoever installs the package gets
// them without those of the server behind them. Run by prepack.mjs on what was built.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** The text of dist/client/types.d.ts. */
export function clientTypes(operations, follows) {
  const entries = operations.map(({ name, summary, input, output }) =>
    entry(name, summary, { input: typeOf(input, 2), output: typeOf(output, 2) }),
  );
  const followed = follows.map(({ name, summary, input, told_as }) =>
    entry(name, summary, { input: typeOf(input, 2), data: typeOf(told_as, 2) }),
  );
  return [
    "/** What may be asked, by name. */",
    `export type Operations = {\n${entries.join("\n")}\n};`,
    "/** What may be followed, by name. */",
    `export type Follows = {\n${followed.join("\n")}\n};`,
    "",
  ].join("\n");
}

function entry(name, summary, sides) {
  const fields = Object.entries(sides).map(([side, type]) => `    ${side}: ${type};`);
  return `  /** ${comment(summary)} */\n  ${JSON.stringify(name)}: {\n${fields.join("\n")}\n  };`;
}

function comment(text) {
  return text.replaceAll("*/", "* /").replace(/\s+/g, " ");
}

const PLAIN = { string: "string", number: "number", integer: "number", boolean: "boolean", null: "null" };

/** A JSON schema as TypeScript; what says nothing is unknown. */
function typeOf(schema, depth) {
  if (schema.typescript !== undefined) return schema.typescript;
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return union(schema.enum.map((value) => JSON.stringify(value)));
  const some = schema.anyOf ?? schema.oneOf;
  if (some !== undefined) return union(some.map((one) => typeOf(one, depth)));
  if (schema.allOf !== undefined) return schema.allOf.map((one) => `(${typeOf(one, depth)})`).join(" & ");
  if (Array.isArray(schema.type)) return union(schema.type.map((type) => typeOf({ ...schema, type }, depth)));
  if (schema.type === "array") return arrayOf(schema, depth);
  if (schema.type === "object") return objectOf(schema, depth);
  return PLAIN[schema.type] ?? "unknown";
}

function union(types) {
  return [...new Set(types)].join(" | ");
}

function arrayOf({ items = {}, minItems, maxItems }, depth) {
  const item = typeOf(items, depth);
  if (minItems !== undefined && minItems === maxItems && minItems <= 4)
    return `[${Array.from({ length: minItems }, () => item).join(", ")}]`;
  return /[|&]/.test(item) ? `(${item})[]` : `${item}[]`;
}

function objectOf({ properties, required = [], patternProperties, additionalProperties }, depth) {
  const indent = "  ".repeat(depth + 1);
  const fields = Object.entries(properties ?? {}).map(([name, field]) => {
    const told = field.description === undefined ? "" : `${indent}/** ${comment(field.description)} */\n`;
    return `${told}${indent}${JSON.stringify(name)}${required.includes(name) ? "" : "?"}: ${typeOf(field, depth + 1)};`;
  });
  const others = Object.values(patternProperties ?? {});
  if (typeof additionalProperties === "object") others.push(additionalProperties);
  if (fields.length === 0 && others.length === 0) return "object";
  if (others.length > 0) {
    // What any key may hold must take in what the known ones do.
    const known = Object.values(properties ?? {});
    const types = [...others, ...known].map((one) => typeOf(one, depth + 1));
    if (fields.length === 0) return `{ [key: string]: ${union(types)} }`;
    fields.push(`${indent}[key: string]: ${union([...types, "undefined"])};`);
  }
  return `{\n${fields.join("\n")}\n${"  ".repeat(depth)}}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [, , built, to] = process.argv;
  const { OPERATIONS, FOLLOWS } = await import(pathToFileURL(built).href);
  writeFileSync(to, clientTypes(OPERATIONS, FOLLOWS));
}
