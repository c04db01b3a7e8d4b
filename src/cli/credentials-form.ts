export type KnownOrg = { org_id: string; slug: string; name: string };

/** An access token and the organization that it is for; null: for none. */
export type KeptToken = { access_token: string; expires_at: string; org: KnownOrg | null };

/** What signing in to one API left here. */
export type Credentials = {
  user: { user_id: string; username: string };
  refresh_token: string;
  refresh_expires_at: string;
  /** The organization that commands mean there; null: none was chosen. */
  chosen: KnownOrg | null;
  /** Organizations that one may switch to, as the API said last. */
  orgs: KnownOrg[];
  /** Tokens by the organization that they are for, `none` for those of no organization. */
  tokens: Record<string, KeptToken>;
};

/** Whether a value of a file is credentials as this program writes them, and not as another version did, or half of them. */
export function areCredentials(value: unknown): value is Credentials {
  if (!hasTexts(value, "refresh_token", "refresh_expires_at")) return false;
  const { user, chosen, orgs, tokens } = value;
  return (
    hasTexts(user, "user_id", "username") &&
    (chosen === null || isOrg(chosen)) &&
    Array.isArray(orgs) &&
    orgs.every(isOrg) &&
    isRecord(tokens) &&
    Object.values(tokens).every(isToken)
  );
}

/** An object that is no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOrg(value: unknown): boolean {
  return hasTexts(value, "org_id", "slug", "name");
}

function isToken(value: unknown): boolean {
  return hasTexts(value, "access_token", "expires_at") && (value["org"] === null || isOrg(value["org"]));
}

function hasTexts(value: unknown, ...names: string[]): value is Record<string, unknown> {
  return isRecord(value) && names.every((name) => typeof value[name] === "string");
}
