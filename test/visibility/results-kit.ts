import { ANN, BOB, BOSS, freshId, uid, type Whose } from "./people.ts";
import { type Attempt, type Entry, type Expected, tail, type Values } from "./table.ts";

export type Label = "a1" | "a2" | "b2" | "a9";
type Owned = { owner_id: string; visibility: string };
/** What rows of a label have in common, whichever way their table says it. */
type Of = { at: Label; owner: string; owned: Owned; private_to: string | null };

/** How the tables of a results database are said: ann's row that all see, her private one, and bob's private one. */
export function kitOf(home: string) {
  const whose: Record<Label, Whose> = {
    a1: { org: home, owner: ANN },
    a2: { org: home, owner: ANN, private: true },
    b2: { org: home, owner: BOB, private: true },
    a9: { org: home, owner: ANN },
  };
  const each = (values: (of: Of) => Values, labels: Label[] = ["a1", "a2", "b2"]): Entry[] =>
    labels.map((at) => {
      const { owner = "", private: hidden = false } = whose[at];
      const visibility = hidden ? "private" : "organization";
      const owned = { owner_id: owner, visibility };
      return {
        label: at,
        whose: whose[at],
        values: values({ at, owner, owned, private_to: hidden ? owner : null }),
      };
    });
  const to_bob = [`owner_id = '${BOB}'`];
  const id = (kind: string) => (at: string) => ({ [`${kind}_id`]: freshId(kind, at) });

  /** A table with owner_id and visibility. */
  const people = (
    key: string,
    values: (of: Of) => Values,
    more: Pick<Expected, "grants" | "touch" | "fresh"> & Partial<Expected> & { labels?: Label[] },
  ): Expected => ({
    rows: each((of) => ({ ...values(of), ...of.owned }), more.labels),
    label: tail(key),
    see: "shared",
    insert: "own",
    update: "own",
    delete: "own",
    move: to_bob,
    ...more,
  });
  /** A table that hangs on a head, or carries private_to: nobody but the machinery writes unless it is said. */
  const part = (
    key: string,
    values: (of: Of) => Values,
    more: Pick<Expected, "grants" | "touch" | "fresh"> & Partial<Expected> & { labels?: Label[] },
  ): Expected => ({
    rows: each(values, more.labels),
    label: tail(key),
    see: "shared",
    insert: "no",
    update: "no",
    delete: "no",
    ...more,
  });
  const inBobsName = (column: string, private_to = true) => [
    { as: "bob, her colleague", row: "b2", with: { [column]: ANN }, ends: "refused" as const },
    ...(private_to
      ? [{ as: "bob, her colleague", row: "b2", with: { private_to: ANN }, ends: "refused" as const }]
      : []),
  ];
  /** Into ann's head under one's own name: bob may not, an admin may. */
  const intoHers = (column: string) => [
    { as: "bob, her colleague", row: "a1", with: { [column]: BOB }, ends: "refused" as const },
    { as: "an admin", row: "a1", with: { [column]: BOSS }, ends: "ok" as const },
  ];
  /** A row of ann's that all see is in a project that all see. */
  const inProject = (at: Label): Values => ({ project_id: at === "a1" ? uid("project", "a1") : null });
  /** Nobody puts a row into a project that only others see. */
  const projects: Attempt[] = [
    { as: "bob, her colleague", row: "b2", with: { project_id: uid("project", "a2") }, ends: "refused" },
    { as: "bob, her colleague", row: "b2", with: { project_id: uid("project", "a1") }, ends: "ok" },
  ];
  /** What ann names in a row like a1 must be hers to see: bob's private one is not, one that all see is. */
  const refers = (column: string, kind: string, more: Values = {}): Attempt[] =>
    [
      { at: "b2", ends: "refused" as const },
      { at: "a1", ends: "ok" as const },
    ].map(({ at, ends }) => ({ as: "ann", row: "a1", with: { ...more, [column]: uid(kind, at) }, ends }));
  return { home, whose, each, id, people, part, inBobsName, intoHers, inProject, projects, refers };
}

export type Kit = ReturnType<typeof kitOf>;
