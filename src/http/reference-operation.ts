import { type Html, html, prose } from "./html.ts";
import { exampleOf } from "./openapi-schema.ts";
import type {
  Content,
  OpenApiDocument,
  OperationObject,
  Parameter,
  Reference,
  ResponseObject,
  SchemaObject,
} from "./openapi-types.ts";
import { fieldRows, fieldTable, rowOf } from "./reference-fields.ts";

type Components = OpenApiDocument["components"];

/** A path that may be broken before each of its parts. */
export function pathText(path: string): (string | Html)[] {
  return path.split("/").map((part, index) => (index === 0 ? part : html`<wbr>/${part}`));
}

/** One operation, as a reader meets it. */
export function operationArticle(
  path: string,
  method: string,
  object: OperationObject,
  components: Components,
): Html {
  const { operationId, summary, description } = object;
  const parameters = object.parameters.map((one) => parameterOf(one, components));
  const inUrl = parameters.filter((one) => one.in !== "header");
  const headers = parameters.filter((one) => one.in === "header" && one.name !== "X-Request-Id");
  const body = object.requestBody?.content["application/json"];
  return html`<article id="${operationId}">
<h3><a class="anchor" href="#${operationId}">${operationId}</a></h3>
<p class="call"><span class="method ${method}">${method.toUpperCase()}</span> <code>${pathText(path)}</code></p>
<p>${prose(summary)}.</p>
${description !== undefined && html`<p>${prose(description)}</p>`}
<p class="who">${whoText(object)}</p>
${fieldTable("In the address", inUrl.map(parameterRow))}
${body !== undefined && fieldTable("In the body", fieldRows(resolved(body.schema, components)))}
${fieldTable("Headers", headers.map(parameterRow))}
${curl({ path, method, object, inUrl, example: body?.example })}
${Object.entries(object.responses).map(([status, response]) => answerOf(status, response, components))}
${errorsOf(object)}
</article>
`;
}

function parameterOf(one: Parameter | Reference, { parameters }: Components): Parameter {
  if (!("$ref" in one)) return one;
  const found = parameters[lastOf(one.$ref)];
  if (found === undefined) throw new Error(`${one.$ref} leads nowhere`);
  return found;
}

function parameterRow({ name, schema, description, required }: Parameter) {
  return { ...rowOf({ description, ...schema }), path: name, required: required === true };
}

function whoText(object: OperationObject): Html {
  const permission = object["x-permission"];
  if (permission === undefined || permission === "anyone") return html`Nobody needs to be signed in.`;
  if (permission === "signed_in") return html`Whoever is signed in.`;
  if (permission === "in_person") return html`Whoever is signed in with a password; no API key.`;
  return html`Needs <code>${permission}</code>.`;
}

/** What is got where it went well; problems are told together. */
function answerOf(
  status: string,
  response: ResponseObject | Reference,
  components: Components,
): Html | undefined {
  if ("$ref" in response || response.content === undefined) return undefined;
  const content: Content = response.content;
  const types = Object.keys(content);
  const data = eventData(content) ?? content["application/json"]?.schema;
  const example = content["application/json"]?.example;
  return html`${fieldTable(`Answer ${status}`, data === undefined ? [] : fieldRows(resolved(data, components)), false)}
<p class="forms">As ${types.map((type, index) => html`${index > 0 && ", "}<code>${type}</code>`)}.</p>
${example !== undefined && html`<details><summary>an example</summary><pre>${JSON.stringify(example, null, 2)}</pre></details>`}
`;
}

function eventData(content: Content): SchemaObject | undefined {
  return content["text/event-stream"]?.schema["x-event-data"] as SchemaObject | undefined;
}

function resolved(schema: SchemaObject, { schemas }: Components): SchemaObject {
  const ref = schema["$ref"];
  return typeof ref === "string" ? (schemas[lastOf(ref)] ?? {}) : schema;
}

function lastOf(ref: string): string {
  return ref.split("/").at(-1) ?? "";
}

function errorsOf(object: OperationObject): Html {
  const statuses = Object.entries(object.responses).filter(([, response]) => "$ref" in response);
  return html`<p class="errors">Else ${statuses.map(([status], index) => html`${index > 0 && ", "}<a href="docs/errors#s${status}">${status}</a>`)}.</p>
`;
}

type Call = {
  path: string;
  method: string;
  object: OperationObject;
  inUrl: Parameter[];
  example: unknown;
};

/** A line that can be pasted into a terminal; an error is shown, and never kept as the file. */
function curl({ path, method, object, inUrl, example }: Call): Html {
  const words = [`"$ALIQUOT_URL${filled(path, inUrl)}"`];
  if (object.security.length > 0) words.push('-H "Authorization: Bearer $TOKEN"');
  const [type = ""] = Object.keys(typesOf(object));
  if (type === "text/event-stream") words.push("-N");
  if (type === "application/octet-stream") words.push("-f -OJ");
  if (example !== undefined) words.push(`--json '${JSON.stringify(example).replaceAll("'", "'\\''")}'`);
  else if (method !== "get") words.push(`-X ${method.toUpperCase()}`);
  // A PATCH with a body is none that curl would guess.
  if (example !== undefined && method !== "post") words.push(`-X ${method.toUpperCase()}`);
  return html`<pre>curl ${words.join(" \\\n  ")}</pre>`;
}

/** The path with what its fields have for an example, and the query with what must be given. */
function filled(path: string, inUrl: Parameter[]): string {
  const exampleText = (one: Parameter) => encodeURIComponent(String(exampleOf(one.schema)));
  const asked = inUrl.filter((one) => one.in === "query" && one.required === true);
  const query = asked.map((one) => `${one.name}=${exampleText(one)}`).join("&");
  const names = new Map(inUrl.map((one) => [one.name, one]));
  const whole = path.replace(/\{(\w+)\}/g, (braces, name: string) => {
    const one = names.get(name);
    return one === undefined ? braces : exampleText(one);
  });
  return query === "" ? whole : `${whole}?${query}`;
}

function typesOf(object: OperationObject): Content {
  const good = Object.entries(object.responses).find(([status]) => status < "300")?.[1];
  return good === undefined || "$ref" in good ? {} : (good.content ?? {});
}
