import type { Follow, Operation } from "../operation.ts";
import { version } from "../version.ts";
import { BASE } from "./index-document.ts";
import { PROBLEM_SCHEMA, problemResponses } from "./openapi-errors.ts";
import { followObject, type Named, operationObject } from "./openapi-operation.ts";
import { HEADERS, ownPaths, PARAMETERS, SECURITY_SCHEMES } from "./openapi-parts.ts";
import type { OpenApiDocument, SchemaObject } from "./openapi-types.ts";

const ABOUT = `Data platform of a computational-chemistry group: molecules in, docking (AutoDock Vina) and quantum chemistry (GFN2-xTB) done, every number with its unit and where it came from.

Units stand in the names of fields (\`energy_eh\`, \`gap_ev\`) and in \`x-unit\`. Times are RFC 3339 in UTC. Lists come in pages: \`next_cursor\` is the \`cursor\` of the next one, and \`Accept: text/csv\` or \`application/x-ndjson\` gives the rows of all. What another organization owns, what is private and what does not exist look the same: 404.`;

/** Nouns in the order in which a newcomer meets them. */
export const TAGS: Record<string, string> = {
  auth: "Signing in and out",
  key: "API keys of programs",
  molecule: "Molecules, by what they are",
  structure: "Coordinates",
  calculation: "Quantum chemistry with xTB",
  receptor: "Proteins, prepared for docking",
  site: "Places to dock at",
  docking: "Docking with AutoDock Vina",
  job: "Runs of a pipeline, what happened to them and what they left",
  batch: "Many jobs from one request",
  failure: "What failed, by reason",
  pipeline: "Graphs of tasks",
  engine: "Programs that compute, and who runs them",
  cache: "Results that answer again",
  protocol: "What makes numbers comparable",
  event: "What happened",
  org: "Organizations",
  member: "People of the organization",
  invitation: "Who was asked to join it",
  role: "Roles and their permissions",
  service: "Accounts of programs",
  user: "People of the installation",
  audit: "What was done, by whom, in a chain that shows every change",
  api: "The API itself",
};

/** The OpenAPI 3.1 document of what may be asked and followed. Pure. */
export function openApi(operations: readonly Operation[], follows: readonly Follow[]): OpenApiDocument {
  const schemas: Record<string, SchemaObject> = { Problem: PROBLEM_SCHEMA };
  const named: Named = (name, schema) => {
    schemas[name] = schema;
    return { $ref: `#/components/schemas/${name}` };
  };
  const paths: OpenApiDocument["paths"] = ownPaths();
  const put = (path: string, method: string, object: ReturnType<typeof operationObject>) => {
    paths[`${BASE}${path}`] = { ...paths[`${BASE}${path}`], [method.toLowerCase()]: object };
  };
  for (const one of operations) put(one.http.path, one.http.method, operationObject(one, named));
  for (const one of follows) put(one.http.path, one.http.method, followObject(one, named));
  const tags = new Set(
    Object.values(paths).flatMap((methods) => Object.values(methods).flatMap((each) => each.tags)),
  );
  return {
    openapi: "3.1.1",
    info: {
      title: "Aliquot",
      version: version(),
      summary: "Data platform of a computational-chemistry group",
      description: ABOUT,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "Where this document is served" }],
    tags: inOrder(tags).map((name) => ({ name, description: TAGS[name] ?? name })),
    paths,
    components: {
      securitySchemes: SECURITY_SCHEMES,
      schemas,
      parameters: PARAMETERS,
      headers: HEADERS,
      responses: problemResponses(),
    },
  };
}

/** What nobody has put in order comes last. */
function inOrder(tags: ReadonlySet<string>): string[] {
  const known = Object.keys(TAGS).filter((name) => tags.has(name));
  return [...known, ...[...tags].filter((name) => !known.includes(name)).toSorted()];
}
