import type { Client, Session } from "../client/index.ts";
import { AppError } from "../errors.ts";
import { refreshSession, switchOrganization } from "../identity/operations.ts";
import type { Session as SignedIn, Switched } from "../identity/schema.ts";
import type { CredentialsFile } from "./credentials.ts";
import type { Credentials, KeptToken, KnownOrg } from "./credentials-form.ts";

/** A token that is about to end is not sent any more. */
const SPARE_MS = 10_000;

/** Whether an organization is called so: by id, slug or name. */
export function named(org: KnownOrg, text: string): boolean {
  return [org.org_id, org.slug, org.name].some((name) => name.toLowerCase() === text.trim().toLowerCase());
}

/**
 * What signing in or refreshing gave, beside what was kept before. Where a session acts follows every switch, so what
 * commands mean is kept here: where signing in says that it acts, and what was `chosen` when it is refreshed.
 */
export function keep(
  before: Credentials | undefined,
  session: SignedIn,
  chosen: KnownOrg | null = session.org,
): Credentials {
  const same = before?.user.user_id === session.user.user_id ? before : undefined;
  const { user, refresh_token, refresh_expires_at } = session;
  const tokens = same?.tokens ?? {};
  return withToken({ user, refresh_token, refresh_expires_at, chosen, orgs: [], tokens }, session);
}

function withToken(known: Credentials, { access_token, expires_in, org, orgs }: Switched): Credentials {
  const expires_at = new Date(Date.now() + expires_in * 1000).toISOString();
  return { ...known, orgs, tokens: { ...known.tokens, [keyOf(org)]: { access_token, expires_at, org } } };
}

function keyOf(org: KnownOrg | null): string {
  return org?.org_id ?? "none";
}

/**
 * What `login` left for one organization: the one that is named, else the one that is chosen. Tokens of other
 * organizations are switched to and kept; all is refreshed by one command at a time, and whoever waited for it takes
 * what the other one got.
 */
export class KeptSession implements Session {
  readonly #nobody: Client;
  readonly #file: CredentialsFile;
  readonly #text: string | undefined;
  readonly #with: (token: string) => Client;
  readonly #url: string;

  constructor(
    file: CredentialsFile,
    text: string | undefined,
    clients: { url: string; nobody: Client; with: (token: string) => Client },
  ) {
    this.#nobody = clients.nobody;
    this.#with = clients.with;
    this.#url = clients.url;
    this.#file = file;
    this.#text = text;
  }

  async token(): Promise<string> {
    return (await this.kept()).access_token;
  }

  async renew(refused: string): Promise<string> {
    return (await this.#renewed(refused)).access_token;
  }

  /** A token that is good as far as is known here. Throws AppError unauthenticated; not_found: no such organization. */
  async kept(): Promise<KeptToken> {
    return found(this.#known(this.#file.read()), this.#text) ?? this.#renewed(undefined);
  }

  #known(credentials: Credentials | undefined): Credentials {
    if (credentials !== undefined) return credentials;
    // http://localhost:8000 and http://127.0.0.1:8000 are two, because a name may come to mean another machine.
    const [other] = this.#file.others();
    if (other !== undefined)
      throw new AppError(
        "unauthenticated",
        `nobody is signed in to ${this.#url}: \`aliquot login\` does that; you are signed in to ${other}, if ALIQUOT_URL means that one`,
      );
    throw new AppError(
      "unauthenticated",
      `nobody is signed in to ${this.#url}: \`aliquot login\` does that, or set ALIQUOT_API_KEY`,
    );
  }

  #renewed(refused: string | undefined): Promise<KeptToken> {
    return this.#file.locked(async ({ now, keep: write }) => {
      let known = without(this.#known(now()), refused);
      const there = found(known, this.#text);
      if (there !== undefined) return there;
      // What is refused to one organization's token may be so to all of them.
      let base = refused === undefined ? Object.values(known.tokens).find(isGood) : undefined;
      if (base === undefined) {
        const session = await this.#refreshed(known.refresh_token);
        known = keep({ ...known, tokens: {} }, session, known.chosen);
        write(known);
        const fresh = found(known, this.#text);
        if (fresh !== undefined) return fresh;
        base = Object.values(known.tokens)[0] as KeptToken;
      }
      const org = this.#text ?? known.chosen?.org_id;
      if (org === undefined) return { ...base, org: null };
      const switched = await this.#with(base.access_token).call(switchOrganization, { org });
      const kept = withToken(known, switched);
      write(kept);
      return kept.tokens[keyOf(switched.org)] as KeptToken;
    });
  }

  async #refreshed(refresh_token: string): Promise<SignedIn> {
    return this.#nobody.call(refreshSession, { refresh_token }).catch((error: unknown) => {
      if (!(error instanceof AppError) || error.kind !== "unauthenticated") throw error;
      throw new AppError("unauthenticated", "your session has ended: sign in again with `aliquot login`", {
        cause: error,
      });
    });
  }
}

function isGood({ expires_at }: KeptToken): boolean {
  return Date.parse(expires_at) > Date.now() + SPARE_MS;
}

/** The good token of the organization that is named, else chosen; where none is, one that means no organization. */
function found({ tokens, chosen }: Credentials, text: string | undefined): KeptToken | undefined {
  const wanted = text ?? chosen?.org_id;
  const good = Object.values(tokens).filter(isGood);
  if (wanted !== undefined) return good.find(({ org }) => org !== null && named(org, wanted));
  return good[0] && { ...good[0], org: null };
}

function without(known: Credentials, refused: string | undefined): Credentials {
  const tokens = Object.entries(known.tokens).filter(([, { access_token }]) => access_token !== refused);
  return { ...known, tokens: Object.fromEntries(tokens) };
}
