import type { Static, TSchema } from "typebox";
import type { Principal } from "../access/principal.ts";
import { type Config, parseConfig } from "../config.ts";
import type { Context } from "../context.ts";
import { AppError } from "../errors.ts";
import { chooseOrg, chosenOrg, openHome } from "../home.ts";
import type { Logger } from "../log.ts";
import type { Operation } from "../operation.ts";
import type { OrgPlace } from "../orgs/place.ts";
import type { PerformOptions } from "../perform.ts";
import { secretKey } from "../secrets.ts";
import { type Io, Out } from "./out.ts";

export type GlobalOptions = { json?: boolean; org?: string; as?: string; yes?: boolean; verbose?: boolean };

export type ContextWish = { prepare?: boolean; log?: Logger; purpose?: string };

/** What a command gets: settings, output, and on demand everything that has to be opened. */
export class Cli {
  readonly io: Io;
  readonly out: Out;
  readonly options: GlobalOptions;
  readonly config: Config;
  readonly #stack = new AsyncDisposableStack();
  #home: string | undefined;
  #context: Promise<Context> | undefined;

  constructor(io: Io, options: GlobalOptions) {
    this.io = io;
    this.options = options;
    this.out = new Out(io, { json: options.json ?? false, verbose: options.verbose ?? false });
    const { config, warnings } = parseConfig(io.env);
    this.config = config;
    for (const warning of warnings) this.out.say(`aliquot: ${warning}`);
  }

  /** The data folder, made if there is none. */
  home(): string {
    this.#home ??= openHome({ given: this.config.home, cwd: this.io.cwd, say: (line) => this.out.say(line) });
    return this.#home;
  }

  /** Database, stores, doors; opened once, closed when the command ends. */
  context(wish: ContextWish = {}): Promise<Context> {
    this.#context ??= this.#open(wish);
    return this.#context;
  }

  async #open(wish: ContextWish): Promise<Context> {
    const { openContext } = await import("../context.ts");
    const home = this.home();
    const context = await openContext({
      config: this.config,
      home,
      secret: secretKey(this.io.env, home),
      say: (line) => this.out.say(line),
      // A command logs nothing, unless its statements were asked for.
      ...(this.config.echo ? { log: (await import("../log.ts")).openLogger(this.config.log_level) } : {}),
      ...wish,
    });
    return this.#stack.use(context);
  }

  /** Who acts, in no organization. */
  async principal(): Promise<Principal> {
    const { localPrincipal } = await import("../access/principal.ts");
    return localPrincipal((await this.context()).metadata, this.options.as ?? "admin", null);
  }

  /** Who acts, in the organization that was named, chosen, or is the only one. */
  async member(): Promise<{ principal: Principal; org: OrgPlace }> {
    const { localPrincipal } = await import("../access/principal.ts");
    const { metadata } = await this.context();
    const org = await this.organization();
    return { principal: await localPrincipal(metadata, this.options.as ?? "admin", org.org_id), org };
  }

  /** `--org`, else ALIQUOT_ORG, else the one chosen by `org use`, else the person's only active one. */
  async organization(): Promise<OrgPlace> {
    const { selectOptionalPlaceByText, selectPlaces } = await import("../orgs/store.ts");
    const { metadata } = await this.context();
    const named = this.options.org ?? this.config.org;
    if (named !== undefined) {
      const place = await metadata.system((tx) => selectOptionalPlaceByText(tx, named));
      if (place === undefined) throw new AppError("not_found", "no such organization");
      return place;
    }
    const all = await metadata.system(selectPlaces);
    // Also where it is suspended or being deleted: commands must not go to another one unasked.
    const chosen = all.find((place) => place.org_id === chosenOrg(this.home()));
    if (chosen !== undefined) return chosen;
    const own = await this.#ownOrganizations();
    const places = all.filter((place) => place.status === "active" && own(place.org_id));
    const [only, second] = places;
    if (only !== undefined && second === undefined) return only;
    if (only === undefined)
      throw new AppError("usage", "there is no organization yet: make one with `aliquot org create NAME`");
    const names = places
      .slice(0, 10)
      .map((place) => place.slug)
      .join(", ");
    throw new AppError(
      "usage",
      `which organization? Name one with --org, or choose one with \`aliquot org use\`: ${names}`,
    );
  }

  /**
   * Asks an operation as who acts: in the organization that is meant, or `{ outside: true }`, in none. The one way
   * for a command to reach an operation, because it may be on another machine.
   */
  async ask<I extends TSchema, O extends TSchema, P>(
    operation: Operation<I, O, P>,
    input: Static<I>,
    { outside = false, ...options }: PerformOptions & { outside?: boolean } = {},
  ): Promise<Static<O>> {
    const { perform } = await import("../perform.ts");
    const principal = outside ? await this.principal() : (await this.member()).principal;
    return perform(await this.context(), operation, principal, input, options);
  }

  /** Whether an organization is the person's: every one is the operator's, and nobody is told of another's. */
  async #ownOrganizations(): Promise<(orgId: string) => boolean> {
    const { selectMemberships } = await import("../access/store.ts");
    const { user_id, is_admin } = await this.principal();
    if (is_admin) return () => true;
    const { metadata } = await this.context();
    const ids = new Set(await metadata.system((tx) => selectMemberships(tx, user_id)));
    return (orgId) => ids.has(orgId);
  }

  /** Chooses an organization where none is chosen, or the chosen one is gone; returns whether it did. */
  async chooseFirst(orgId: string): Promise<boolean> {
    const { selectPlaces } = await import("../orgs/store.ts");
    const places = await (await this.context()).metadata.system(selectPlaces);
    const chosen = chosenOrg(this.home());
    if (places.some((place) => place.org_id === chosen)) return false;
    chooseOrg(this.home(), orgId);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
