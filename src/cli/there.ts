import type { Static, TSchema } from "typebox";
import {
  type Client,
  createClient,
  type FollowOptions,
  type Follows,
  type Session,
} from "../client/index.ts";
import { AppError } from "../errors.ts";
import { login, logoutSession, whoAmI } from "../identity/operations.ts";
import type { Logout, Session as SignedIn, SignIn } from "../identity/schema.ts";
import { newId } from "../ids.ts";
import type { Operation } from "../operation.ts";
import { apiKey } from "../secrets.ts";
import type { AskOptions, Cli } from "./cli.ts";
import { CredentialsFile } from "./credentials.ts";
import type { Credentials, KnownOrg } from "./credentials-form.ts";
import { KeptSession, keep, named } from "./kept-session.ts";

/** More than the API itself takes before it gives up. */
const SPARE_MS = 30_000;
/** What switching to an organization says where one is no member of it, or it can't be acted in. */
const NOT_THEIRS: readonly string[] = ["not_found", "conflict", "forbidden"];

/** The API that commands ask instead of this machine's databases. Throws AppError usage. */
export async function openThere(cli: Cli): Promise<There> {
  const { url } = cli.config;
  if (url === undefined) throw new AppError("usage", "this needs an API: say where it is with ALIQUOT_URL");
  return new There(cli, url);
}

export class There {
  readonly url: string;
  readonly #cli: Cli;
  readonly #key: string | undefined;
  readonly #nobody: Client;
  /** By the organization that is asked of, as it was named; undefined: the one that is chosen, or the session's. */
  readonly #clients = new Map<string | undefined, Client>();
  #file: CredentialsFile | undefined;

  constructor(cli: Cli, url: string) {
    this.#cli = cli;
    this.url = url;
    this.#key = apiKey(cli.io.env)?.reveal();
    this.#nobody = this.#clientOf({});
  }

  async ask<I extends TSchema, O extends TSchema, P>(
    operation: Operation<I, O, P>,
    input: Static<I>,
    {
      outside = false,
      of,
      once = false,
      idempotencyKey = once ? newId() : undefined,
      replayed,
      stranger = false,
    }: AskOptions = {},
  ): Promise<Static<O>> {
    void replayed; // The header says it; no command looks.
    const how = idempotencyKey === undefined ? {} : { idempotencyKey };
    if (stranger) return this.#nobody.call(operation, input, how);
    const client = outside ? this.#client(undefined) : await this.#clientFor(of);
    return client.call(operation, input, how);
  }

  /** What goes on, in the organization that commands mean. Throws AppError, and the signal's reason. */
  async *follow<N extends keyof Follows>(
    name: N,
    input: Follows[N]["input"],
    options: FollowOptions,
  ): AsyncGenerator<{ id: string; event: string; data: Follows[N]["data"] }, void> {
    yield* (await this.#clientFor(undefined)).follow(name, input, options);
  }

  /** The organization that commands mean. Throws AppError usage where there is none, or a choice to make. */
  async organization(): Promise<KnownOrg> {
    const text = this.#named();
    if (this.#key === undefined) return this.#meant(text);
    const client = text === undefined ? this.#client(undefined) : await this.#keyClientFor(text);
    const { org } = await client.call(whoAmI, {});
    if (org === null) throw whichOrganization([]);
    return org;
  }

  async #meant(text: string | undefined): Promise<KnownOrg> {
    const { org } = await this.#sessionOf(text).kept();
    if (org === null) throw whichOrganization(this.#credentials().read()?.orgs ?? []);
    return org;
  }

  async chosen(): Promise<string | undefined> {
    const org =
      this.#key === undefined
        ? (this.#credentials().read()?.chosen ?? (await this.#sessionOf(undefined).kept()).org)
        : (await this.#client(undefined).call(whoAmI, {})).org;
    return org?.org_id;
  }

  /** Throws AppError usage where a key says who asks: it has the organization that it was made in. */
  async refuseChoice(): Promise<void> {
    if (this.#key !== undefined) throw ofOneAlone((await this.#client(undefined).call(whoAmI, {})).org);
  }

  /** Throws AppError usage, as `refuseChoice`. */
  async choose(org: KnownOrg): Promise<void> {
    await this.refuseChoice();
    await this.#credentials().locked(async ({ now, keep: write }) => {
      const known = now();
      if (known !== undefined)
        write({ ...known, chosen: { org_id: org.org_id, slug: org.slug, name: org.name } });
    });
  }

  /** Throws AppError usage where a key says who asks: signing in would change nothing. */
  refuseBesideKey(): void {
    if (this.#key !== undefined)
      throw new AppError("usage", "ALIQUOT_API_KEY says who asks already: unset it to sign in");
  }

  /** Signs in, and keeps what that gave. Throws AppError unauthenticated. */
  async login(input: Static<typeof SignIn>): Promise<SignedIn> {
    const session = await this.#nobody.call(login, input);
    await this.#credentials().locked(async ({ now, keep: write }) => write(keep(usable(now), session)));
    return session;
  }

  /** Ends the session here, and there; what is kept here goes in any case. Returns what could not be done. */
  async logout(everywhere: boolean): Promise<{ ended: number; error: AppError | null }> {
    const file = this.#credentials();
    const known = file.read();
    if (known === undefined) throw new AppError("unauthenticated", `nobody is signed in to ${this.url}`);
    const input: Static<typeof Logout> = everywhere ? { everywhere } : { refresh_token: known.refresh_token };
    const client = everywhere ? this.#client(undefined) : this.#nobody;
    const told = await client.call(logoutSession, input).then(
      ({ ended }) => ({ ended, error: null }),
      (error: unknown) => {
        // Of all sessions it is not done before the API says so.
        if (!(error instanceof AppError) || (everywhere && error.kind !== "unauthenticated")) throw error;
        return { ended: 0, error };
      },
    );
    await file.locked(async ({ keep: write }) => write(undefined));
    return told;
  }

  #named(): string | undefined {
    return this.#cli.options.org ?? this.#cli.config.org;
  }

  async #clientFor(of: string | undefined): Promise<Client> {
    if (of !== undefined) return this.#clientOfArgument(of);
    const text = this.#named();
    if (this.#key !== undefined)
      return text === undefined ? this.#client(undefined) : this.#keyClientFor(text);
    await this.#meant(text);
    return this.#client(text);
  }

  /** An operator asks of organizations that they are no member of: the API answers as they are. */
  async #clientOfArgument(text: string): Promise<Client> {
    if (this.#key !== undefined) return this.#client(undefined);
    const kept = this.#sessionOf(text).kept();
    const isTheirs = await kept.then(
      () => true,
      (error: unknown) => {
        if (error instanceof AppError && NOT_THEIRS.includes(error.kind)) return false;
        throw error;
      },
    );
    return this.#client(isTheirs ? text : undefined);
  }

  /** Never another organization than was named. */
  async #keyClientFor(text: string): Promise<Client> {
    const client = this.#client(undefined);
    const { org } = await client.call(whoAmI, {});
    if (org !== null && named(org, text)) return client;
    throw ofOneAlone(org);
  }

  #client(text: string | undefined): Client {
    const known = this.#clients.get(text);
    if (known !== undefined) return known;
    const client = this.#clientOf(
      this.#key === undefined ? { session: this.#sessionOf(text) } : { key: this.#key },
    );
    this.#clients.set(text, client);
    return client;
  }

  #sessionOf(text: string | undefined): KeptSession {
    const clients = {
      url: this.url,
      nobody: this.#nobody,
      with: (token: string) => this.#clientOf({ token }),
    };
    return new KeptSession(this.#credentials(), text, clients);
  }

  #clientOf(who: { session?: Session; key?: string; token?: string }): Client {
    const timeout_ms = this.#cli.config.api.request_timeout_seconds * 1000 + SPARE_MS;
    return createClient({ url: this.url, timeout_ms, ...who });
  }

  #credentials(): CredentialsFile {
    this.#file ??= new CredentialsFile(this.#cli.home(), this.url);
    return this.#file;
  }
}

/** What was kept before; what can't be used any more is why somebody signs in again. */
function usable(now: () => Credentials | undefined): Credentials | undefined {
  try {
    return now();
  } catch (error) {
    if (error instanceof AppError && error.kind === "unauthenticated") return undefined;
    throw error;
  }
}

function ofOneAlone(org: KnownOrg | null): AppError {
  const owner = org === null ? "no organization" : `${org.name} alone`;
  return new AppError(
    "usage",
    `this API key is of ${owner}: for another organization unset it and sign in with \`aliquot login\``,
  );
}

function whichOrganization(orgs: KnownOrg[]): AppError {
  if (orgs.length === 0)
    return new AppError("usage", "there is no organization yet: make one with `aliquot org create NAME`");
  const names = orgs
    .slice(0, 10)
    .map(({ slug }) => slug)
    .join(", ");
  return new AppError(
    "usage",
    `which organization? Name one with --org, or choose one with \`aliquot org use\`: ${names}`,
  );
}
