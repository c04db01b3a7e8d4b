/** What of OpenAPI 3.1 we write. */
export type SchemaObject = { [key: string]: unknown };

export type Parameter = {
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  description?: string;
  schema: SchemaObject;
  style?: "form" | "deepObject";
  explode?: boolean;
};

export type Reference = { $ref: string };
export type MediaType = { schema: SchemaObject; example?: unknown };
export type Content = Record<string, MediaType>;
export type ResponseObject = {
  description: string;
  headers?: Record<string, Reference>;
  content?: Content;
};

export type OperationObject = {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  /** What the asker must hold. */
  "x-permission"?: string;
  security: Record<string, string[]>[];
  parameters: (Parameter | Reference)[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, ResponseObject | Reference>;
};

export type OpenApiDocument = {
  openapi: "3.1.1";
  info: { title: string; version: string; summary: string; description: string; license: object };
  servers: { url: string; description: string }[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, OperationObject>>;
  components: {
    securitySchemes: Record<string, object>;
    schemas: Record<string, SchemaObject>;
    parameters: Record<string, Parameter>;
    headers: Record<string, { description: string; schema: SchemaObject }>;
    responses: Record<string, ResponseObject>;
  };
};
