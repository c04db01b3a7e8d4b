/** What `import … from "aliquot/client"` gives: nothing of the server is behind it. */
export { AppError, type ErrorKind, type FieldError } from "../errors.ts";
export {
  type Callable,
  type CallOptions,
  type Client,
  type ClientOptions,
  createClient,
  type Index,
  type Listed,
} from "./client.ts";
export type { FollowOptions } from "./follow.ts";
export type { Session, Tokens } from "./session.ts";
export type { Follows, Operations } from "./types.ts";
