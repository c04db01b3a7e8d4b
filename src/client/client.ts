import type { Static, TSchema } from "typebox";
import { AppError } from "../errors.ts";
import { faultOfUrl } from "../loopback.ts";
import { fetchFile } from "./file.ts";
import { type FollowOptions, followed } from "./follow.ts";
import { type Route, requestOf } from "./request.ts";
import { Sender } from "./send.ts";
import { type Session, sessionOf, type Tokens } from "./session.ts";
import type { Follows, Operations } from "./types.ts";

/** Who asks (one of `token`, `key`, `refresh`, `session`, or nobody), and how long answers are waited for. */
export type ClientOptions = {
  /** Where the API is, without /v1: https, or http to this machine. */
  url: string;
  /** An access token, as it is. */
  token?: string;
  /** An API key. */
  key?: string;
  /** A refresh token: access tokens are fetched with it. It is good once, so its successor goes to `onTokens`. */
  refresh?: string;
  onTokens?: (tokens: Tokens) => void | Promise<void>;
  /** Something that keeps tokens itself. */
  session?: Session;
  /** For one answer, all of it; a minute unless said. */
  timeout_ms?: number;
  /** How long what may pass is tried again in all; ten seconds unless said, 0: not at all. */
  patience_ms?: number;
};

export type CallOptions = {
  /** Said twice with one key, it is done once: so it may be sent again. */
  idempotencyKey?: string;
  signal?: AbortSignal;
};

/** An operation as far as the client needs to know it. */
export type Callable<I extends TSchema, O extends TSchema> = {
  name: string;
  http: Route;
  repeats?: false;
  file?: true;
  input: I;
  output: O;
};

/** What the API says of itself at /v1. */
export type Index = {
  name: string;
  version: string;
  operations: Record<string, Route>;
  follows: Record<string, Route>;
};

/** Names of what answers with pages. */
export type Listed = {
  [N in keyof Operations]: Operations[N]["output"] extends { items: unknown[]; next_cursor: string | null }
    ? Operations[N]["input"] extends { cursor?: string }
      ? N
      : never
    : never;
}[keyof Operations];

export type Client = {
  /** Asks one of the program's own operations. */
  call<I extends TSchema, O extends TSchema>(
    operation: Callable<I, O>,
    input: Static<I>,
    options?: CallOptions,
  ): Promise<Static<O>>;
  /** Asks by name; where it is asked, the API says. */
  ask<N extends keyof Operations>(
    name: N,
    input: Operations[N]["input"],
    options?: CallOptions,
  ): Promise<Operations[N]["output"]>;
  /** Page after page of a list, from `cursor` on where one is given. */
  pages<N extends Listed>(
    name: N,
    input: Operations[N]["input"],
    options?: { signal?: AbortSignal },
  ): AsyncGenerator<Operations[N]["output"], void>;
  /** What goes on, until it ends. A connection that is lost is made again, after the last event that came. */
  follow<N extends keyof Follows>(
    name: N,
    input: Follows[N]["input"],
    options?: FollowOptions,
  ): AsyncGenerator<{ id: string; event: string; data: Follows[N]["data"] }, void>;
  /** What the API serves; asked once. */
  index(): Promise<Index>;
};

/**
 * A client of one API. It opens nothing before it is asked. Every method rejects with AppError: the API's own, with
 * kind, code and fields, or `unavailable` where nobody answers in time; with the signal's reason where that ended it.
 * Throws AppError usage for a URL that is neither https nor this machine, or has /v1 in it.
 */
export function createClient(options: ClientOptions): Client {
  const sender = new Sender(baseOf(options.url), {
    timeout_ms: options.timeout_ms ?? 60_000,
    patience_ms: options.patience_ms ?? 10_000,
  });
  const session = sessionOf(options, sender);
  let known: Promise<Index> | undefined;
  const index = () => {
    known ??= (sender.send({ method: "GET", path: "" }, session) as Promise<Index>).catch((error) => {
      known = undefined;
      throw error;
    });
    return known;
  };
  const call = async (
    name: string,
    route: Route,
    input: object,
    { idempotencyKey, signal }: CallOptions = {},
  ): Promise<unknown> => {
    const request = requestOf(name, route, input, idempotencyKey);
    if (route.file === true) return fetchFile(sender, session, request, signal);
    return sender.send(request, session, signal);
  };
  const routeOf = async (name: string, of: "operations" | "follows" = "operations"): Promise<Route> => {
    const { version, [of]: routes } = await index();
    if (Object.hasOwn(routes, name)) return routes[name] as Route;
    throw new AppError("not_found", `the API at ${options.url} is of Aliquot ${version} and has no ${name}`);
  };
  const ask = async (name: string, input: object, how?: CallOptions) =>
    call(name, await routeOf(name), input, how);
  async function* pages(name: string, input: object, how?: CallOptions) {
    for (let at = input; ; ) {
      const page = (await ask(name, at, how)) as { next_cursor: string | null };
      yield page;
      if (page.next_cursor === null) return;
      at = { ...input, cursor: page.next_cursor };
    }
  }
  async function* follow(name: string, input: object, how: FollowOptions = {}) {
    const request = requestOf(name, await routeOf(name, "follows"), input);
    yield* followed(sender, session, request, how);
  }
  // Typed by names that are looked up at run time: the types are true as far as both sides are of one version.
  return {
    call: (operation: Callable<TSchema, TSchema>, input: object, how?: CallOptions) =>
      call(operation.name, routeOfOperation(operation), input, how),
    ask,
    pages,
    follow,
    index,
  } as unknown as Client;
}

function routeOfOperation({ http, repeats, file }: Callable<TSchema, TSchema>): Route {
  return {
    ...http,
    ...(repeats === undefined ? {} : { repeats }),
    ...(file === undefined ? {} : { file }),
  };
}

function baseOf(text: string): string {
  const fault = faultOfUrl(text);
  if (fault !== undefined) throw new AppError("usage", `the API's URL ${fault}`);
  const url = new URL(text);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}
