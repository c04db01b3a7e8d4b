import { ANN, BOB, BOSS, EVE, freshId, type Orgs, uid, type Whose } from "./people.ts";
import { type Expected, tail, type Values } from "./table.ts";

const spec = { version: "1", tasks: {} };

/** What is expected of pipelines and their versions: people's own, the system's, and others' public ones. */
export function pipelineTables({ home, other }: Orgs): Record<"pipelines" | "pipeline_versions", Expected> {
  /** Versions share their pipeline's fate, and what is not published is its organization's. */
  const pipelines: [label: string, whose: Whose, values: Values][] = [
    ["a1", { org: home, owner: ANN }, { org_id: home, visibility: "organization" }],
    ["a2", { org: home, owner: ANN, private: true }, { org_id: home, visibility: "private" }],
    ["b2", { org: home, owner: BOB, private: true }, { org_id: home, visibility: "private" }],
    ["f1", { org: other, owner: EVE }, { org_id: other, visibility: "organization" }],
    ["f2", { org: other, owner: EVE, public: true }, { org_id: other, visibility: "public" }],
    [
      "f3",
      { org: other, owner: EVE, public: true, published: false },
      { org_id: other, visibility: "public" },
    ],
    ["51", { org: null }, { org_id: null, visibility: "organization" }],
  ];
  const versions = pipelines.flatMap(([label, whose]) =>
    [true, false].map((published): [string, Whose, boolean, string] => [
      `${label[0]}${"0123456789abcdef"[Number(label[1]) * 2 + (published ? 0 : 1)]}`,
      { ...whose, published: whose.published === false ? false : published, draft: !published },
      published,
      label,
    ]),
  );

  return {
    pipelines: {
      rows: pipelines.map(([label, whose, values]) => ({
        label,
        whose,
        values: {
          pipeline_id: uid("pipeline", label),
          name: `pipeline ${label}`,
          created_by: whose.owner ?? null,
          latest_version: whose.published === false ? null : "1",
          ...values,
        },
      })),
      label: tail("pipeline_id"),
      see: "pipeline",
      insert: "newPipeline",
      update: "own",
      delete: "no",
      grants:
        "insert(created_by,description,name,org_id,pipeline_id,visibility) select update(description,latest_version,visibility)",
      touch: ["description", "'touched'"],
      fresh: (label) => ({ pipeline_id: freshId("pipeline", label), name: "another" }),
      move: [`created_by = '${BOB}'`],
      also: [
        { as: "ann", row: "f3", with: { created_by: ANN }, ends: "refused" },
        { as: "bob, her colleague", row: "f3", with: { org_id: home, created_by: BOB }, ends: "ok" },
        { as: "bob, her colleague", row: "f3", with: { org_id: home, created_by: ANN }, ends: "refused" },
      ],
    },
    pipeline_versions: {
      rows: versions.map(([label, whose, published, of]) => ({
        label,
        whose,
        values: {
          pipeline_version_id: uid("version", label),
          pipeline_id: uid("pipeline", of),
          version: label,
          spec,
          published,
          created_by: whose.owner ?? null,
        },
      })),
      label: tail("pipeline_version_id"),
      see: "pipelineVersion",
      insert: "newDraft",
      update: "own",
      delete: "no",
      grants:
        "insert(created_by,pipeline_id,pipeline_version_id,published,spec,version) select update(published,spec)",
      also: [
        { as: "an admin", row: "a3", with: { created_by: BOSS }, ends: "ok" },
        { as: "bob, her colleague", row: "a3", with: { created_by: BOB }, ends: "refused" },
        { as: "an admin", row: "f5", with: { created_by: BOSS }, ends: "refused" },
      ],
      move: [`pipeline_id = '${uid("pipeline", "b2")}'`],
      touch: ["spec", `'{"version": "77", "tasks": {}}'`],
      fresh: (label) => ({ pipeline_version_id: freshId("version", label), version: "new" }),
    },
  };
}
