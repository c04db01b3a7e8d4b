import type { Org } from "../../src/orgs/schema.ts";

/** A fixed id of a made-up row: what it is and which one, so that a row says in a list whose it is. */
export function uid(kind: string, label: string): string {
  let at = KINDS.indexOf(kind);
  if (at < 0) at = KINDS.push(kind) - 1;
  return `00000000-0000-4000-8000-${at.toString(16).padStart(4, "0")}000000${label}`;
}
const KINDS: string[] = [];

/** The same for a row that a probe tries to add. */
export const freshId = (kind: string, label: string): string => uid(kind, label).replace(/^0{8}/, "00000001");
export const hash = (label: string): string => label.padStart(64, "0");

const user = (label: string) => uid("user", label);
export const ANN = user("a0");
export const BOB = user("b0");
export const BOSS = user("c0");
export const EVE = user("e0");

/** Who asks: the role that the transaction took, and its settings. */
export type Viewer = {
  name: string;
  role: "member" | "system" | "owner";
  org: string | null;
  user: string | null;
  admin: boolean;
};

export type Orgs = { home: string; other: string };

/** Everybody whose eyes and hands are tried at every table. */
export function viewersOf({ home, other }: Orgs): Viewer[] {
  const member = (name: string, org: string | null, who: string | null, admin = false): Viewer => ({
    name,
    role: "member",
    org,
    user: who,
    admin,
  });
  return [
    member("ann", home, ANN),
    member("bob, her colleague", home, BOB),
    member("an admin", home, BOSS, true),
    member("a stranger", other, EVE),
    member("ann as an admin elsewhere", other, ANN, true),
    member("ann as an admin of nothing", null, ANN, true),
    member("nobody in the organization", home, null),
    member("nobody at all", null, null),
    { name: "the machinery", role: "system", org: null, user: null, admin: false },
    { name: "the owner", role: "owner", org: null, user: null, admin: false },
  ];
}

export function orgsOf(home: Pick<Org, "org_id">, other: Pick<Org, "org_id">): Orgs {
  return { home: home.org_id, other: other.org_id };
}

/** Whose a row is, and who else may see it. `org` null: the system's. */
export type Whose = {
  org: string | null;
  owner?: string;
  private?: boolean;
  public?: boolean;
  published?: boolean;
  /** A version that may still change, whatever its pipeline is. */
  draft?: boolean;
};

/** Whether a person may; the machinery and the owner always may. */
export type Rule = (who: Viewer, row: Whose) => boolean;

const same = (who: Viewer, row: Whose) => who.org !== null && who.org === row.org;
const mine = (who: Viewer, row: Whose) => who.user !== null && who.user === row.owner;

const seesPipeline: Rule = (who, row) =>
  who.org !== null &&
  (row.org === null ||
    (row.org === who.org && (row.private !== true || mine(who, row) || who.admin)) ||
    (row.public === true && row.published !== false));

const RULES = {
  no: () => false,
  /** Whoever comes as far as this database. */
  anyone: () => true,
  org: same,
  shared: (who, row) => same(who, row) && (row.private !== true || mine(who, row) || who.admin),
  /** A private one is its owner's alone, not even admins'. */
  unlessPrivate: (who, row) => same(who, row) && (row.private !== true || mine(who, row)),
  own: (who, row) => same(who, row) && (mine(who, row) || who.admin),
  /** What all share is the admins', a private one its owner's alone. */
  ownOrAdmins: (who, row) => same(who, row) && (row.private === true ? mine(who, row) : who.admin),
  /** In one's own name and in no other, admin or not. */
  self: (who, row) => same(who, row) && mine(who, row),
  /** One's own, in whichever organization one is at the moment. */
  selfAnywhere: mine,
  person: (who, row) => mine(who, row) || same(who, row),
  orgOrSystem: (who, row) => who.org !== null && (row.org === null || row.org === who.org),
  anyOrg: (who, row) => who.org !== null && row.published !== false,
  pipeline: seesPipeline,
  /** In one's own name, and nothing of it published yet. */
  newPipeline: (who, row) => same(who, row) && mine(who, row) && row.published === false,
  newDraft: (who, row) => same(who, row) && mine(who, row) && row.draft === true,
  pipelineVersion: (who, row) =>
    seesPipeline(who, row.public === true ? { ...row, published: true } : row) &&
    (row.published !== false || row.org === who.org),
} satisfies Record<string, Rule>;

export type RuleName = keyof typeof RULES;

export function allows(rule: RuleName, who: Viewer, row: Whose): boolean {
  return who.role !== "member" || (RULES[rule] as Rule)(who, row);
}
