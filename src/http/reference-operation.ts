import { type Html, html, prose } from "./html.ts";
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
<p class="call"><span class="method ${method}">${method.toUpperCase()}</span> <code>${path.split("/").map((part, index) => (index === 0 ? part : html`<wbr>/${part}`))}</code></p>
<p>${prose(summary)}.</p>
${description !== undefined && html`<p>${prose(description)}</p>`}
<p class="who">${whoText(object)}</p>
${fieldTable("In the address", inUrl.map(parameterRow))}
${body !== undefined && fieldTable("In the body", fieldRows(resolved(body.schema, components)))}
${body?.example !== undefined && curl(path, method, body.example)}
${fieldTable("Headers", headers.map(parameterRow))}
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

/** A line that can be pasted into a terminal. */
function curl(path: string, method: string, example: unknown): Html {
  const words = `curl -X ${method.toUpperCase()} "$ALIQUOT_URL${path}" \\
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -d '${JSON.stringify(example)}'`;
  return html`<pre>${words}</pre>`;
}
