import { createHash } from "node:crypto";
import type { Principal } from "./principal.ts";

/** How long it is believed what somebody may do: what changes is known in every process within this time. */
export const ACCESS_BELIEVED_MS = 10_000;
/** Each is near a kilobyte; beyond this the oldest goes, and is read again. */
const MOST = 10_000;

type Known = { principal: Principal; until: number };

/**
 * Who may do what, believed for 10 s by one process; each credential is looked up once in that time, however many
 * requests bring it. Who changes what somebody may do calls `forget` after the commit. Only good answers are kept.
 */
export class AccessMemory {
  readonly #known = new Map<string, Known>();
  readonly #asked = new Map<string, Promise<Principal>>();
  readonly #now: () => number;
  readonly #most: number;
  /** Raised by whoever forgets: what was read before is told, but not kept. */
  #era = 0;

  constructor({ now = () => performance.now(), most = MOST }: { now?: () => number; most?: number } = {}) {
    this.#now = now;
    this.#most = most;
  }

  /** The principal of a credential; `look` reads it where it is not known. Throws what `look` throws. */
  async of(credential: string, look: () => Promise<Principal>): Promise<Principal> {
    const known = this.#known.get(credential);
    if (known !== undefined && known.until > this.#now()) return known.principal;
    const asked = this.#asked.get(credential) ?? this.#look(credential, look);
    return asked;
  }

  /** Whether this credential was good when it was last looked up, as far as that is remembered. */
  knew(credential: string): boolean {
    return this.#known.has(credential);
  }

  /** What this person may do is read again, whatever they ask next. */
  forget(userId: string): void {
    this.#forgetWhere(({ user_id }) => user_id === userId);
  }

  /** The same of everybody in an organization: what its roles give changed, or the organization did. */
  forgetOrganization(orgId: string): void {
    this.#forgetWhere(({ org_id }) => org_id === orgId);
  }

  #look(credential: string, look: () => Promise<Principal>): Promise<Principal> {
    const era = this.#era;
    const asked = look()
      .then((principal) => {
        if (era === this.#era) this.#keep(credential, principal);
        return principal;
      })
      .catch((error: unknown) => {
        if (era === this.#era) this.#known.delete(credential);
        throw error;
      })
      .finally(() => {
        if (this.#asked.get(credential) === asked) this.#asked.delete(credential);
      });
    this.#asked.set(credential, asked);
    return asked;
  }

  #keep(credential: string, principal: Principal): void {
    this.#known.delete(credential);
    this.#known.set(credential, { principal, until: this.#now() + ACCESS_BELIEVED_MS });
    if (this.#known.size <= this.#most) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  #forgetWhere(holds: (principal: Principal) => boolean): void {
    this.#era++;
    // Who asks now must not share the answer to a question from before.
    this.#asked.clear();
    for (const [credential, { principal }] of this.#known)
      if (holds(principal)) this.#known.delete(credential);
  }
}

/** Under what a secret credential is remembered: not as itself. */
export function credentialOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}
