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
import type { KnownOrg } from "./credentials-form.ts";
import { type Io, Out } from "./out.ts";
import type { There } from "./there.ts";

export type GlobalOptions = { json?: boolean; org?: string; as?: string; yes?: boolean; verbose?: boolean };

export type AskOptions = PerformOptions & {
  /** Asked in no organization, or in whichever of the person's lets them ask. */
  outside?: boolean;
  /** Asked in the organization that a command's argument names: what one may see hangs on it. */
  of?: string;
  /** It makes something: where an answer may be lost on the way, the question bears a key. */
  once?: boolean;
  /** Asked as nobody: a token that was given says all. */
  stranger?: boolean;
};

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
  #there: Promise<There> | undefined;
  #member: Promise<{ principal: Principal; org: OrgPlace }> | undefined;

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
    if (this.io.context !== undefined) return this.io.context;
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
  principal(): Promise<Principal> {
    return this.#as(null);
  }

  /** Who acts, in the organization that was named, chosen, or is the only one; looked up once. */
  member(): Promise<{ principal: Principal; org: OrgPlace }> {
    this.#member ??= this.#findMember().catch((error: unknown) => {
      this.#member = undefined;
      throw error;
    });
    return this.#member;
  }

  async #findMember(): Promise<{ principal: Principal; org: OrgPlace }> {
    const org = await this.organization();
    return { principal: await this.#as(org.org_id), org };
  }

  async #as(orgId: string | null): Promise<Principal> {
    const { localPrincipal } = await import("../access/principal.ts");
    return localPrincipal((await this.context()).metadata, this.options.as ?? "admin", orgId);
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

  /** Whether commands ask an API, and nothing of this machine's databases. */
  get isRemote(): boolean {
    return this.config.url !== undefined;
  }

  /** The API that commands ask. Throws AppError usage where none is named. */
  there(): Promise<There> {
    this.#there ??= import("./there.ts").then(({ openThere }) => openThere(this));
    return this.#there;
  }

  /**
   * Asks an operation as who acts: in the organization that is meant, or as the options say. The one way for a
   * command to reach an operation, because it may be on another machine. Throws AppError, the same from both.
   */
  async ask<I extends TSchema, O extends TSchema, P>(
    operation: Operation<I, O, P>,
    input: Static<I>,
    options: AskOptions = {},
  ): Promise<Static<O>> {
    if (this.isRemote) return (await this.there()).ask(operation, input, options);
    const { outside = false, of, once: _, stranger = false, ...how } = options;
    const { perform } = await import("../perform.ts");
    const { NOBODY } = await import("../access/principal.ts");
    const principal = stranger ? NOBODY : await this.#whoAsks(outside, of);
    return perform(await this.context(), operation, principal, input, how);
  }

  async #whoAsks(outside: boolean, of: string | undefined): Promise<Principal> {
    if (!outside && of === undefined) return (await this.member()).principal;
    const { whoAnywhere, whoIn } = await import("./org-who.ts");
    return of === undefined ? whoAnywhere(this) : whoIn(this, of);
  }

  /** The organization that is meant, wherever it is. */
  async meant(): Promise<KnownOrg> {
    return this.isRemote ? (await this.there()).organization() : this.organization();
  }

  /** From now on the command means this organization, whatever is chosen. */
  mean(org: KnownOrg): void {
    this.options.org = org.org_id;
    this.#member = undefined;
  }

  /** Id of the organization that was chosen, here or at the API. */
  async chosen(): Promise<string | undefined> {
    return this.isRemote ? (await this.there()).chosen() : chosenOrg(this.home());
  }

  async choose(org: KnownOrg): Promise<void> {
    if (this.isRemote) await (await this.there()).choose(org);
    else chooseOrg(this.home(), org.org_id);
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
  async chooseFirst(org: KnownOrg): Promise<boolean> {
    const chosen = await this.chosen();
    if (chosen !== undefined && (this.isRemote || (await this.#isThere(chosen)))) return false;
    await this.choose(org);
    return true;
  }

  async #isThere(orgId: string): Promise<boolean> {
    const { selectPlaces } = await import("../orgs/store.ts");
    const places = await (await this.context()).metadata.system(selectPlaces);
    return places.some(({ org_id }) => org_id === orgId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
