/** Names a connection may give; what comes after is sent as it was. */
const NAMES_MAX = 200;
/** Texts a connection remembers having sent once. */
const SEEN_MAX = 1000;
/** How long plans are believed: a table may have grown from ten rows to ten thousand meanwhile. */
const BELIEVED_MS = 3000;

/** Column lists that a migration may change under a kept statement, which the server then refuses to run (0A000). */
const STAR = /\b(?:select|returning)\s+(?:"?\w+"?\.)?\*|,\s*"?\w+"?\.\*/i;
const SILENT = /^\s*(?:insert|update|delete)\b/i;

/**
 * The names of one connection's statements. PostgreSQL keeps a named statement parsed, rewritten for its role and,
 * from the sixth time on, planned. A text gets its name as it is sent the second time; each role has names
 * of its own, because a plan under row security holds for the role that it was made for and is made anew for another.
 */
export class StatementNames {
  readonly #byPlans = new Map<string, Map<string, string | undefined>>();
  #seen = 0;
  #named = 0;
  #since = 0;

  /** The name under which a text is to be sent; undefined: without one. */
  nameOf(plans: string, text: string): string | undefined {
    const known = this.#byPlans.get(plans) ?? new Map<string, string | undefined>();
    this.#byPlans.set(plans, known);
    const name = known.get(text);
    if (name !== undefined || this.#named >= NAMES_MAX) return name;
    if (!known.has(text)) {
      if (this.#seen++ < SEEN_MAX && hasFixedColumns(text)) known.set(text, undefined);
      return undefined;
    }
    if (this.#named === 0) this.#since = performance.now();
    const given = `s${++this.#named}`;
    known.set(text, given);
    return given;
  }

  /** True where plans are too old to be believed; they count as made now. */
  outlived(now = performance.now()): boolean {
    if (this.#named === 0 || now - this.#since < BELIEVED_MS) return false;
    this.#since = now;
    return true;
  }
}

function hasFixedColumns(text: string): boolean {
  return !STAR.test(text) || (SILENT.test(text) && !/\breturning\b/i.test(text));
}
