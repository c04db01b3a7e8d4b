import type { Follow, Operation } from "../operation.ts";
import { version } from "../version.ts";
import { BASE } from "./index-document.ts";
import { PROBLEM_SCHEMA, problemResponses } from "./openapi-errors.ts";
import { followObject, type Named, operationObject } from "./openapi-operation.ts";
import { HEADERS, ownPaths, PARAMETERS, SECURITY_SCHEMES } from "./openapi-parts.ts";
import type { OpenApiDocument, SchemaObject } from "./openapi-types.ts";

const ABOUT = `Data platform of a computational-chemistry group: molecules in, docking (AutoDock Vina) and quantum chemistry (GFN2-xTB) done, every number with its unit and where it came from.

Units stand in the names of fields (\`energy_eh\`, \`gap_ev\`) and in \`x-unit\`. Times are RFC 3339 in UTC. Lists come in pages: \`next_cursor\` is the \`cursor\` of the next one, and \`Accept: text/csv\` or \`application/x-ndjson\` gives the rows of all. What another organization owns, what is private and what does not exist look the same: 404.`;

const TAGS: Record<string, string> = {
  api: "The API itself",
  audit: "What was done, by whom, in a chain that shows every change",
  auth: "Signing in and out",
  batch: "Many jobs from one request",
  cache: "Results that answer again",
  calculation: "Quantum chemistry with xTB",
  docking: "Docking with AutoDock Vina",
  event: "What happened",
  failure: "What failed, by reason",
  job: "Runs of a pipeline",
  key: "API keys",
  member: "People of the organization",
  molecule: "Molecules, by what they are",
  org: "Organizations",
  pipeline: "Graphs of tasks",
  protocol: "What makes numbers comparable",
  receptor: "Proteins, prepared for docking",
  role: "Roles and their permissions",
  site: "Places to dock at",
  structure: "Coordinates",
  user: "People of the installation",
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
    tags: [...tags].toSorted().map((name) => ({ name, description: TAGS[name] ?? name })),
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
