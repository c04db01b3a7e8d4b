import { pipelineTables } from "./metadata-pipelines.ts";
import { ANN, BOB, BOSS, EVE, freshId, hash, type Orgs, type RuleName, uid, type Whose } from "./people.ts";
import { type Entry, type Expected, LEDGER, type Matrix, tail, type Values } from "./table.ts";

type More = Pick<Expected, "grants" | "touch" | "fresh"> & Partial<Expected>;

/** The matrix of the metadata database: rows of this organization, of another one, and of the system. */
export function metadataMatrix({ home, other }: Orgs): Matrix {
  const row = (label: string, whose: Whose, values: Values): Entry => ({ label, whose, values });
  const table = (see: RuleName, key: string, rows: Entry[], more: More): Expected => ({
    rows,
    label: tail(key),
    see,
    insert: "no",
    update: "no",
    delete: "no",
    ...more,
  });
  /** One row of this organization and one of the other, and of the system where there is one. */
  const perOrg = (values: (label: string, org: string | null) => Values, system = false): Entry[] => [
    row("a1", { org: home }, values("a1", home)),
    row("f1", { org: other }, values("f1", other)),
    ...(system ? [row("51", { org: null }, values("51", null))] : []),
  ];
  /** One row of each person. */
  const perPerson = (values: (label: string, user: string, org: string) => Values): Entry[] =>
    [
      ["a0", ANN, home],
      ["b0", BOB, home],
      ["e0", EVE, other],
    ].map(([label = "", user = "", org = ""]) => row(label, { org, owner: user }, values(label, user, org)));
  const orgLabel = `CASE org_id WHEN '${home}' THEN 'a1' WHEN '${other}' THEN 'f1' END`;
  const at = "2026-01-01T00:00:00Z";
  const spec = { version: "1", tasks: {} };
  /** A key without a grant: the machinery's tables. */
  const machinery = (key: string, rows: Entry[], more: Omit<More, "grants">): Expected =>
    table("no", key, rows, { grants: "", ...more });

  const jobs: [label: string, whose: Whose, private_to: string | null][] = [
    ["a1", { org: home, owner: ANN }, null],
    ["a2", { org: home, owner: ANN, private: true }, ANN],
    ["b2", { org: home, owner: BOB, private: true }, BOB],
    ["f1", { org: other, owner: EVE }, null],
    ["f2", { org: other, owner: EVE, private: true }, EVE],
  ];
  const tables: Record<string, Expected> = {
    organizations: {
      rows: [row("a1", { org: home }, {}), row("f1", { org: other }, {})],
      label: orgLabel,
      see: "org",
      insert: "no",
      update: "no",
      delete: "no",
      grants: "select",
      touch: ["quotas", `'{"members": 77}'`],
      fresh: (label) => ({ org_id: freshId("org", label), name: `Lab ${label}`, slug: `lab-${label}` }),
    },
    org_settings: table(
      "org",
      "org_id",
      perOrg((_, org_id) => ({ org_id })),
      {
        label: orgLabel,
        grants: "select",
        touch: ["storage_bucket", "'touched'"],
        fresh: (label) => ({ org_id: freshId("org", label) }),
      },
    ),
    users: table(
      "person",
      "user_id",
      [
        ["a0", ANN, home],
        ["b0", BOB, home],
        ["c0", BOSS, home],
        ["e0", EVE, other],
      ].map(([label = "", user_id = "", org = ""]) =>
        row(label, { org, owner: user_id }, { user_id, email: `${label}@example.org`, username: label }),
      ),
      {
        grants:
          "select(auth_provider,created_at,email,email_confirmed,enabled,erased_at,is_admin,kind,last_login_at,updated_at,user_id,username)",
        touch: ["auth_provider", "'touched'"],
        fresh: (label) => ({ user_id: freshId("user", label), email: "x@y.example", username: "x" }),
      },
    ),
    roles: table(
      "orgOrSystem",
      "role_id",
      perOrg((label, org_id) => ({ role_id: uid("role", label), org_id, name: `role ${label}` }), true),
      {
        grants: "select",
        touch: ["created_at", `'${at}'`],
        fresh: (label) => ({ role_id: freshId("role", label), name: "another" }),
      },
    ),
    role_permissions: table(
      "orgOrSystem",
      "role_id",
      perOrg((label) => ({ role_id: uid("role", label), permission: "made:up" }), true),
      {
        grants: "select",
        touch: ["created_at", `'${at}'`],
        fresh: () => ({ permission: "made:other" }),
      },
    ),
    memberships: table(
      "org",
      "user_id",
      [
        ...perPerson((_, user_id, org_id) => ({ user_id, org_id })),
        row("c0", { org: home, owner: BOSS }, { user_id: BOSS, org_id: home }),
      ],
      {
        grants: "select",
        touch: ["created_at", `'${at}'`],
        fresh: (label) => ({ user_id: freshId("user", label) }),
      },
    ),
    membership_roles: table(
      "org",
      "user_id",
      perPerson((_, user_id, org_id) => ({ user_id, org_id, role_id: uid("role", "51") })),
      {
        grants: "select",
        touch: ["created_at", `'${at}'`],
        fresh: (label) => ({ user_id: freshId("user", label) }),
      },
    ),
    task_definitions: table(
      "orgOrSystem",
      "task_id",
      perOrg(
        (label, org_id) => ({
          task_id: uid("task", label),
          org_id,
          name: `task ${label}`,
          version: "1",
          task_type: "analysis",
          input_schema: {},
          output_schema: {},
          is_system: org_id === null,
        }),
        true,
      ),
      {
        grants: "select",
        touch: ["version", "'touched'"],
        fresh: (label) => ({ task_id: freshId("task", label), name: "another" }),
      },
    ),
    task_services: table(
      "anyOrg",
      "service_id",
      [row("51", { org: null }, { service_id: uid("service", "51"), name: "made up", kind: "engine" })],
      {
        grants: "select",
        touch: ["version", "'touched'"],
        fresh: (label) => ({ service_id: freshId("service", label), name: "another" }),
      },
    ),
    pipeline_templates: table(
      "orgOrSystem",
      "template_id",
      perOrg((label, org_id) => ({ template_id: uid("template", label), org_id, name: label, spec }), true),
      {
        grants: "select",
        touch: ["description", "'touched'"],
        fresh: (label) => ({ template_id: freshId("template", label), name: "another" }),
      },
    ),
    ...pipelineTables({ home, other }),
    jobs_meta: table(
      "shared",
      "job_id",
      jobs.map(([label, whose, private_to]) =>
        row(label, whose, {
          job_id: uid("job", label),
          org_id: whose.org,
          submitted_by: whose.owner ?? ANN,
          status: "queued",
          priority: 5,
          generation: 1,
          last_seq: 1,
          private_to,
          created_at: at,
          updated_at: at,
        }),
      ),
      {
        grants: "select",
        touch: ["last_seq", "77"],
        fresh: (label) => ({ job_id: freshId("job", label) }),
      },
    ),
    audit_logs: table(
      "org",
      "audit_id",
      perOrg(
        (label, org_id) => ({
          audit_id: uid("audit", label),
          chain_id: org_id ?? "00000000-0000-0000-0000-000000000000",
          org_id,
          seq: 1_000_000,
          action: "made.up",
          entity_type: "test",
          ts: at,
          source_id: uid("source", label),
          prev_hash: hash("0"),
          hash: hash("0"),
        }),
        true,
      ).map((entry) => ({ ...entry, whose: { ...entry.whose, org: entry.whose.org ?? "the system's" } })),
      {
        grants: "select",
        system: "select",
        touch: ["action", "'touched'"],
        fresh: (label) => ({
          audit_id: freshId("audit", label),
          source_id: freshId("source", label),
          seq: 1_000_001,
        }),
      },
    ),
    idempotency_keys: table(
      "selfAnywhere",
      "principal_id",
      perPerson((_, principal_id) => ({ principal_id, operation: "o", key: "k", request_hash: hash("0") })),
      {
        insert: "selfAnywhere",
        update: "selfAnywhere",
        delete: "selfAnywhere",
        grants: "insert select update",
        touch: ["answer", `'{"touched": 1}'`],
        fresh: () => ({ key: "another" }),
        move: [`principal_id = '${BOB}', key = 'stolen'`],
      },
    ),
    tokens: table(
      "selfAnywhere",
      "token_id",
      perPerson((label, user_id) => ({
        token_id: uid("token", label),
        user_id,
        kind: "refresh",
        token_hash: hash(label),
        expires_at: at,
      })),
      {
        grants: "select(created_at,expires_at,kind,org_id,revoked,token_id,used_at,user_id)",
        touch: ["email", "'touched'"],
        fresh: (label) => ({ token_id: freshId("token", label), token_hash: hash(`1${label}`) }),
      },
    ),
    api_keys: table(
      "own",
      "key_id",
      perPerson((label, user_id, org_id) => ({
        key_id: uid("key", label),
        org_id,
        user_id,
        prefix: `prefix${label}`,
        key_hash: hash(label),
        name: "key",
      })),
      {
        grants:
          "select(created_at,created_by,expires_at,is_active,key_id,last_used_at,name,org_id,prefix,scopes,updated_at,user_id)",
        touch: ["name", "'touched'"],
        fresh: (label) => ({
          key_id: freshId("key", label),
          prefix: `another${label}`,
          key_hash: hash(`1${label}`),
        }),
      },
    ),
    identity_providers: table(
      "anyOrg",
      "provider_id",
      [
        row(
          "51",
          { org: null },
          { provider_id: uid("provider", "51"), name: "one", kind: "oidc", config: {}, enabled: true },
        ),
        row(
          "52",
          { org: null, published: false },
          { provider_id: uid("provider", "52"), name: "off", kind: "oidc", config: {}, enabled: false },
        ),
      ],
      {
        grants: "select(enabled,kind,name,provider_id)",
        touch: ["config", `'{"touched": 1}'`],
        fresh: (label) => ({ provider_id: freshId("provider", label), name: "another" }),
      },
    ),
    identities: table(
      "selfAnywhere",
      "identity_id",
      perPerson((label, user_id) => ({
        identity_id: uid("identity", label),
        user_id,
        provider_id: uid("provider", "51"),
        subject: label,
      })),
      {
        grants: "select",
        touch: ["email", "'touched'"],
        fresh: (label) => ({ identity_id: freshId("identity", label), subject: "another" }),
      },
    ),
    queue_lanes: table(
      "org",
      "org_id",
      perOrg((_, org_id) => ({ org_id, engine: "made-up" })),
      {
        label: `CASE WHEN engine = 'made-up' THEN ${orgLabel} END`,
        grants: "select",
        touch: ["vtime", "77"],
        fresh: () => ({ engine: "another" }),
      },
    ),
    database_servers: machinery(
      "server_id",
      [row("51", { org: null }, { server_id: uid("server", "51"), name: "made up", address: "a:1" })],
      {
        touch: ["address", "'touched'"],
        fresh: (label) => ({ server_id: freshId("server", label), name: "another" }),
      },
    ),
    org_databases: machinery("org_id", [row("a1", { org: home }, {}), row("f1", { org: other }, {})], {
      label: orgLabel,
      touch: ["last_error", "'touched'"],
      fresh: (label) => ({
        org_id: freshId("org", label),
        server_id: uid("server", "51"),
        database_name: `another ${label}`,
        role_name: "another",
      }),
    }),
    task_queue: machinery(
      "job_id",
      perOrg((label, org_id) => ({
        org_id,
        job_id: uid("job", label),
        task_name: "run",
        generation: 1,
        engine: "xtb",
        priority: 5,
        rank: 1,
        available_at: at,
        fence: 0,
      })),
      { touch: ["rank", "77"], fresh: () => ({ task_name: "other" }) },
    ),
    workers: machinery(
      "worker_id",
      [
        row(
          "51",
          { org: null },
          { worker_id: uid("worker", "51"), host: "h", pid: 1, version: "1", engines: ["xtb"], slots: 1 },
        ),
      ],
      { touch: ["host", "'touched'"], fresh: (label) => ({ worker_id: freshId("worker", label) }) },
    ),
    audit_heads: machinery(
      "chain_id",
      [row("51", { org: null }, { chain_id: uid("chain", "51"), seq: 0, hash: hash("0") })],
      {
        system: "select",
        touch: ["seq", "77"],
        fresh: (label) => ({ chain_id: freshId("chain", label) }),
      },
    ),
  };
  return {
    tables: { ...tables, schema_migrations: LEDGER },
    views: {},
    deeds: deedsOfMetadata({ home, other }),
    definers: { append_audit: "member system" },
  };
}

function deedsOfMetadata({ home, other }: Orgs): Matrix["deeds"] {
  const SYSTEM = "00000000-0000-0000-0000-000000000000";
  const append = (chain: string, user_id: string) => {
    const entry = JSON.stringify({
      org_id: chain === SYSTEM ? null : chain,
      user_id,
      action: "deed",
      entity_type: "test",
      metadata: {},
      ts: "2026-01-01T00:00:00.000Z",
      source_id: uid("source", "dd"),
    });
    return `SELECT append_audit('${chain}', '${JSON.stringify([entry])}')::text`;
  };
  const bob = "bob, her colleague";
  return [
    { about: "one's own deed in one's own chain", as: bob, text: append(home, BOB), gives: "1" },
    { about: "a colleague's deed", as: bob, text: append(home, ANN), gives: "refused" },
    { about: "even an admin, a colleague's deed", as: "an admin", text: append(home, ANN), gives: "refused" },
    { about: "another organization's chain", as: bob, text: append(other, BOB), gives: "refused" },
    { about: "the system's chain", as: "an admin", text: append(SYSTEM, BOSS), gives: "refused" },
    { about: "the system's chain", as: "nobody at all", text: append(SYSTEM, BOB), gives: "refused" },
    { about: "any deed, by the machinery", as: "the machinery", text: append(other, ANN), gives: "1" },
    {
      about: "a shadow of the heads",
      as: bob,
      text: `CREATE TEMP TABLE audit_heads (chain_id uuid, seq bigint, hash text); ${append(home, BOB)}`,
      gives: "1",
    },
    {
      about: "a shadow of roles, to give one of another organization",
      as: "the machinery",
      text: `CREATE TEMP TABLE roles AS SELECT role_id, NULL::uuid AS org_id FROM public.roles;
        INSERT INTO membership_roles (user_id, org_id, role_id) VALUES ('${ANN}', '${home}', '${uid("role", "f1")}')`,
      after: "SELECT 'given'",
      gives: "23514 a role of another organization",
    },
    {
      about: "a shadow of roles, to change what one may do behind its back",
      as: "the machinery",
      text: `CREATE TEMP TABLE roles AS SELECT role_id, updated_at FROM public.roles WHERE role_id = '${uid("role", "f1")}';
        INSERT INTO role_permissions (role_id, permission) SELECT role_id, 'made:third' FROM pg_temp.roles`,
      after:
        "SELECT (now.updated_at > known.updated_at)::text FROM public.roles now JOIN pg_temp.roles known USING (role_id)",
      gives: "true",
    },
    {
      about: "a shadow of memberships, to take a member's roles behind their back",
      as: "the machinery",
      text: `CREATE TEMP TABLE memberships AS SELECT user_id, org_id, updated_at FROM public.memberships WHERE user_id = '${ANN}' AND org_id = '${home}';
        DELETE FROM membership_roles WHERE user_id = '${ANN}' AND org_id = '${home}'`,
      after:
        "SELECT (now.updated_at > known.updated_at)::text FROM public.memberships now JOIN pg_temp.memberships known USING (user_id, org_id)",
      gives: "true",
    },
    {
      about: "a shadow of versions, to have a draft run as if it were published",
      as: "ann",
      text: `CREATE TEMP TABLE pipeline_versions AS SELECT '${uid("pipeline", "a1")}'::uuid AS pipeline_id, 'a3' AS version, true AS published;
        UPDATE pipelines SET latest_version = 'a3' WHERE pipeline_id = '${uid("pipeline", "a1")}' RETURNING latest_version`,
      gives: "23514 version a3 of pipeline pipeline a1 is not published",
    },
    {
      about: "a shadow of memberships",
      as: "a stranger",
      text: `CREATE TEMP TABLE memberships AS SELECT '${ANN}'::uuid AS user_id, '${other}'::uuid AS org_id;
        SELECT count(*)::text FROM users WHERE user_id = '${ANN}'`,
      gives: "0",
    },
  ];
}
