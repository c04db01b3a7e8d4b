import { BOB, freshId, hash, type RuleName, uid } from "./people.ts";
import type { Kit } from "./results-kit.ts";
import type { Expected } from "./table.ts";

/** Projects and lists, what people keep, and the tables that every database has. */
export function keptTables({
  home,
  id,
  people,
  part,
  inBobsName,
  intoHers,
  inProject,
  projects,
  refers,
}: Kit): Record<string, Expected> {
  return {
    projects: people("project_id", ({ at }) => ({ project_id: uid("project", at), name: `project ${at}` }), {
      grants: "insert select update(description,is_archived,name,visibility)",
      touch: ["description", "'touched'"],
      fresh: (at) => ({ ...id("project")(at), name: "another" }),
    }),
    collections: people(
      "collection_id",
      ({ at }) => ({ collection_id: uid("collection", at), name: `list ${at}`, ...inProject(at) }),
      {
        grants: "delete insert select update(description,is_archived,name,project_id,visibility)",
        touch: ["description", "'touched'"],
        fresh: (at) => ({ ...id("collection")(at), name: "another" }),
        also: projects,
      },
    ),
    collection_members: part(
      "collection_id",
      ({ at, owner }) => ({
        collection_id: uid("collection", at),
        molecule_id: uid("molecule", at),
        added_by: owner,
      }),
      {
        insert: "self",
        delete: "own",
        grants: "delete insert select",
        touch: ["note", "'touched'"],
        // A molecule that bob sees too, so that what refuses him is the collection.
        fresh: () => ({ molecule_id: uid("molecule", "a9") }),
        also: [
          ...inBobsName("added_by", false),
          ...intoHers("added_by"),
          {
            as: "ann",
            row: "a1",
            with: { molecule_id: uid("molecule", "b2") },
            ends: "refused",
          },
        ],
      },
    ),
    event_logs: part(
      "event_id",
      ({ at, owner, private_to }) => ({
        event_id: uid("event", at),
        event_type: "molecule_created",
        entity_type: "molecule",
        user_id: owner,
        private_to,
      }),
      {
        insert: "self",
        grants: "insert select",
        touch: ["message", "'touched'"],
        fresh: id("event"),
        also: inBobsName("user_id"),
      },
    ),
    documents: part(
      "document_id",
      ({ at, owner, private_to }) => ({
        document_id: uid("document", at),
        collection: "artifacts",
        body: {},
        state_hash: hash(at),
        owner_id: owner,
        private_to,
      }),
      {
        insert: "self",
        delete: "own",
        grants: "delete insert select",
        touch: ["collection", "'touched'"],
        fresh: id("document"),
        also: inBobsName("owner_id"),
      },
    ),
    artifacts: people(
      "artifact_id",
      ({ at }) => ({ artifact_id: uid("artifact", at), kind: "report", title: at, ...inProject(at) }),
      {
        grants: "delete insert select update(latest_version,metadata,project_id,purpose,title,visibility)",
        touch: ["purpose", "'touched'"],
        fresh: id("artifact"),
        also: projects,
      },
    ),
    artifact_versions: part(
      "artifact_id",
      ({ at, owner }) => ({
        artifact_id: uid("artifact", at),
        version: 1,
        state_hash: hash(at),
        document_id: "d",
        created_by: owner,
      }),
      {
        insert: "self",
        grants: "insert select",
        touch: ["content_type", "'touched'"],
        fresh: () => ({ version: 9 }),
        also: [...inBobsName("created_by", false), ...intoHers("created_by")],
      },
    ),
    executions: part(
      "execution_id",
      ({ at, owner, private_to }) => ({
        execution_id: uid("execution", at),
        user_id: owner,
        agent: "a",
        endpoint: "e",
        ok: true,
        private_to,
      }),
      {
        insert: "self",
        grants: "insert select",
        touch: ["agent", "'touched'"],
        fresh: id("execution"),
        also: inBobsName("user_id"),
      },
    ),
    datasets: people(
      "dataset_id",
      ({ at }) => ({
        dataset_id: uid("dataset", at),
        name: `set ${at}`,
        query: {},
        split: {},
        ...inProject(at),
      }),
      {
        grants:
          "delete insert select update(checksums,counts,description,exclusions,frozen_at,project_id,visibility)",
        touch: ["description", "'touched'"],
        fresh: (at) => ({ ...id("dataset")(at), name: "another" }),
        also: projects,
      },
    ),
    dataset_members: part(
      "dataset_id",
      ({ at }) => ({
        dataset_id: uid("dataset", at),
        member_no: 1,
        molecule_id: uid("molecule", at),
        split: "train",
        group_key: "g",
      }),
      {
        insert: "own",
        grants: "insert select",
        touch: ["group_key", "'touched'"],
        fresh: () => ({ member_no: 9 }),
        also: [
          ...refers("molecule_id", "molecule"),
          ...refers("calculation_id", "calculation"),
          ...refers("result_id", "docking"),
        ],
      },
    ),
    database_identity: {
      // It tells whose database this is, and nothing else; a pool asks before anything is set.
      rows: [{ label: "it", whose: { org: home }, values: {} }],
      label: "'it'",
      see: "anyone",
      insert: "no",
      update: "no",
      delete: "no",
      grants: "select",
      system: "insert select",
      touch: ["generation", "77"],
      fresh: () => ({}),
    },
    // Deeds in one's own name; other facts name nobody.
    outbox: part(
      "source_id",
      ({ at, owner }) => ({ source_id: uid("fact", at), topic: "audit", payload: { user_id: owner } }),
      {
        see: "no",
        insert: "self",
        also: [
          { as: "bob, her colleague", row: "a1", with: { topic: "job" }, ends: "ok" },
          { as: "a stranger", row: "a1", with: { topic: "job" }, ends: "refused" },
        ],
        grants: "insert(payload,topic)",
        touch: ["relayed_at", "'2000-01-01T00:00:00Z'"],
        fresh: (at) => ({ source_id: freshId("fact", at) }),
      },
    ),
    idempotency_keys: part(
      "request_hash",
      ({ at, owner }) => ({ principal_id: owner, operation: at, key: "k", request_hash: hash(at) }),
      {
        ...(Object.fromEntries(["see", "insert", "update", "delete"].map((verb) => [verb, "self"])) as Record<
          "see" | "insert" | "update" | "delete",
          RuleName
        >),
        grants: "insert select update",
        touch: ["answer", `'{"touched": 1}'`],
        fresh: () => ({ key: "another" }),
        move: [`principal_id = '${BOB}'`],
      },
    ),
  };
}
