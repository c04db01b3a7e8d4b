/** Kinds of what seeding puts in, in the order that reports have them. */
export const SEED_KINDS = [
  "role",
  "user",
  "task_definition",
  "task_service",
  "pipeline",
  "pipeline_template",
  "organization",
  "sample_molecule",
] as const;

/** One thing that seeding did, or found changed and left. */
export type SeedChange = {
  kind: (typeof SEED_KINDS)[number];
  name: string;
  /** Updated: the seeds themselves are newer. Differs: somebody changed it, and force would put it back. */
  change: "added" | "updated" | "put_back" | "differs";
  /** Columns, permissions or versions that it is about. */
  what: string[];
};

/** The change, where there is anything to tell. */
export function noted(
  kind: SeedChange["kind"],
  name: string,
  change: SeedChange["change"],
  what: string[],
): SeedChange[] {
  return what.length === 0 ? [] : [{ kind, name, change, what }];
}

/** How many things of each kind were added or changed. What only differs was not. */
export function countsOf(changes: SeedChange[]): Record<string, number> {
  const done = changes.filter(({ change }) => change !== "differs");
  return Object.fromEntries(
    SEED_KINDS.map((kind) => [
      `${kind}s`,
      new Set(done.filter((one) => one.kind === kind).map(({ name }) => name)).size,
    ]),
  );
}
