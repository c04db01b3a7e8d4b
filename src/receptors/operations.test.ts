import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeOrg, person } from "../../test/support/context.ts";
import { allPages, HPV, MISSING, prepareHpv } from "../../test/support/docking.ts";
import { openLab } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { sha256 } from "../ids.ts";
import { perform } from "../perform.ts";
import { pdbqtAtoms } from "../structures/pdbqt.ts";
import { listReceptors, prepareReceptorOperation, showReceptor } from "./operations.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");
const boss = await person(context, org, "admin");
const viewer = await person(context, org, "viewer");
const stranger = await person(context, await makeOrg(context), "scientist");

type Prepared = Awaited<ReturnType<typeof prepareHpv>>;
let shared: Prepared;

before(async () => {
  shared = await prepareHpv(context, scientist);
});

const show = (who: typeof scientist, structure_id: string) =>
  perform(context, showReceptor, who, { structure_id });
const list = (who: typeof scientist) => allPages((input) => perform(context, listReceptors, who, input), 2);
const missing = (error: unknown) =>
  error instanceof AppError && error.kind === "not_found" && error.message === "no such receptor";
const rows = async () =>
  (await context.superuser("SELECT count(*) AS n FROM structures", [], org.database_name))[0]?.["n"];

test("a PDB file becomes a receptor whose report tells every choice, beside the file it was made from", async () => {
  assert.equal(shared.created, true);
  assert.deepEqual(
    [shared.kind, shared.format, shared.name, shared.visibility, shared.owner_id],
    ["receptor", "pdbqt", "1hpv.pdb", "organization", scientist.user_id],
  );
  const { report, options, source_structure_id } = shared.preparation;
  assert.equal(report.source_sha256, sha256(HPV));
  assert.deepEqual(
    report.chains.map(({ chain, residues }) => [chain, residues]),
    [
      ["A", 99],
      ["B", 99],
    ],
  );
  assert.deepEqual([report.waters_kept, report.waters_dropped], [["201"], 79]);
  assert.deepEqual(
    report.hets_left_out.map(({ name, atoms, reason }) => [name, atoms, reason]),
    [["478", 35, "not_protein"]],
  );
  assert.deepEqual(report.symmetry?.chains, ["A", "B"]);
  assert.deepEqual(options, { keep_waters: ["201"] });
  const [source] = await context.superuser<Record<string, unknown>>(
    "SELECT kind, format, name, checksum, size_bytes::integer, visibility, owner_id, uri FROM structures WHERE structure_id = $1",
    [source_structure_id],
    org.database_name,
  );
  const { uri, ...rest } = source ?? {};
  assert.deepEqual(rest, {
    kind: "receptor",
    format: "pdb",
    name: "1hpv.pdb",
    checksum: `sha256:${sha256(HPV)}`,
    size_bytes: HPV.byteLength,
    visibility: "organization",
    owner_id: scientist.user_id,
  });
  assert.deepEqual(Buffer.from(await context.objects.get(org.org_id, String(uri))), HPV);
});

test("it is shown with the bytes that the program will read", async () => {
  const shown = await show(colleague, shared.structure_id);
  assert.equal(`sha256:${sha256(shown.content)}`, shared.checksum);
  assert.equal(Buffer.byteLength(shown.content), shared.size_bytes);
  assert.equal(pdbqtAtoms(shown.content).length, shared.preparation.report.atoms_written);
  assert.deepEqual(shown.preparation, shared.preparation);
});

test("the same file and choices are the same receptor, whoever of the organization asks and whatever the file is called", async () => {
  const before = await rows();
  for (const [who, more] of [
    [scientist, {}],
    [colleague, {}],
    [scientist, { file_name: "copy.pdb" }],
  ] as const) {
    const again = await prepareHpv(context, who, more);
    assert.deepEqual([again.structure_id, again.created], [shared.structure_id, false]);
  }
  assert.equal(await rows(), before, "nothing was written");
});

test("other choices are another receptor, also where the atoms are the same", async () => {
  const made = [shared];
  for (const more of [
    { keep_waters: [] },
    { chains: ["A"], keep_waters: [] },
    { default_histidine: "HID" as const },
    { histidines: { "A:69": "HIP" as const } },
    // Chosen, and not the default: the same bytes with another story.
    { histidines: { "A:69": "HIE" as const } },
  ])
    made.push(await prepareHpv(context, scientist, more));
  assert.ok(made.slice(1).every((row) => row.created));
  assert.equal(new Set(made.map((row) => row.structure_id)).size, made.length);
  const chosen = made.at(-1);
  assert.equal(chosen?.checksum, shared.checksum);
  assert.deepEqual(
    chosen?.preparation.report.histidines.map(({ state, reason }) => [state, reason]),
    [
      ["HIE", "chosen"],
      ["HIE", "default"],
    ],
  );
  const again = await prepareHpv(context, scientist, { histidines: { "A:69": "HIE" } });
  assert.deepEqual([again.structure_id, again.created], [chosen?.structure_id, false]);
});

test("prepared by four at once it is one receptor", async () => {
  const askers = [scientist, colleague, scientist, boss];
  // With connections that are open already, all four meet in the database.
  await Promise.all(askers.map((who) => perform(context, listReceptors, who, {})));
  const more = { keep_waters: ["201", "202"] };
  const made = await Promise.all(askers.map((who) => prepareHpv(context, who, more)));
  assert.equal(new Set(made.map((row) => row.structure_id)).size, 1);
  assert.equal(made.filter((row) => row.created).length, 1);
});

test("a private receptor is its owner's and answers nobody else, nor is one's private wish answered by the organization's", async () => {
  const mine = await prepareHpv(context, scientist, { visibility: "private" });
  assert.equal(mine.created, true);
  assert.notEqual(mine.structure_id, shared.structure_id);
  const again = await prepareHpv(context, scientist, { visibility: "private" });
  assert.deepEqual([again.structure_id, again.created], [mine.structure_id, false]);
  for (const who of [colleague, boss]) {
    const theirs = await prepareHpv(context, who, { visibility: "private" });
    assert.deepEqual([theirs.created, theirs.owner_id], [true, who.user_id], "as if nobody had it");
    assert.notEqual(theirs.structure_id, mine.structure_id);
  }
  const open = await prepareHpv(context, scientist);
  assert.equal(open.structure_id, shared.structure_id, "an open wish is not answered with a private row");
  await assert.rejects(show(colleague, mine.structure_id), missing);
  await assert.rejects(show(stranger, mine.structure_id), missing);
  assert.equal((await show(boss, mine.structure_id)).structure_id, mine.structure_id);
  const ids = async (who: typeof scientist) => (await list(who)).map((row) => row.structure_id);
  assert.ok((await ids(scientist)).includes(mine.structure_id));
  assert.ok(!(await ids(colleague)).includes(mine.structure_id));
});

test("lists hold prepared receptors and never their files, newest first, page by page", async () => {
  const seen = await list(scientist);
  assert.ok(seen.length >= 3);
  assert.equal(new Set(seen.map((row) => row.structure_id)).size, seen.length);
  assert.ok(seen.every((row) => row.format === "pdbqt" && row.preparation.report.atoms_written > 0));
  const times = seen.map((row) => Date.parse(row.created_at));
  assert.deepEqual(
    times,
    times.toSorted((a, b) => b - a),
  );
  assert.deepEqual(await list(stranger), []);
});

test("what is no prepared receptor of one's organization is not found", async () => {
  const { source_structure_id } = shared.preparation;
  for (const [who, id] of [
    [scientist, MISSING],
    [scientist, source_structure_id],
    [stranger, shared.structure_id],
  ] as const)
    await assert.rejects(show(who, id), missing, id);
});

test("what can't be prepared is refused with a reason, and nothing is written", async () => {
  const before = await rows();
  const refused = (more: object, says: RegExp) =>
    assert.rejects(prepareHpv(context, scientist, more), (error: unknown) => {
      assert.ok(error instanceof AppError && error.kind !== "internal", String(error));
      assert.match(error.message, says);
      return true;
    });
  await refused({ content_base64: "" }, /./);
  await refused({ content_base64: Buffer.from("hello\n").toString("base64") }, /./);
  await refused({ chains: ["Z"] }, /Z/);
  await refused({ keep_waters: ["999"] }, /999/);
  await refused({ histidines: { "A:68": "HID" } }, /68/);
  await refused({ default_histidine: "HIX" }, /default_histidine/);
  await assert.rejects(
    perform(context, prepareReceptorOperation, viewer, { file_name: "x.pdb", content_base64: "" }),
    (error: AppError) => error.kind === "forbidden",
  );
  assert.equal(await rows(), before);
});

test("the audit log is told which receptor, and nothing of what is in it", async () => {
  const logged = await context.superuser<{ entity_id: string; text: string }>(
    "SELECT entity_id, a::text AS text FROM audit_logs a WHERE action = 'receptor.prepare'",
  );
  assert.ok(logged.some((row) => row.entity_id === shared.structure_id));
  assert.ok(logged.every((row) => !/1hpv|HIE|keep_waters/.test(row.text)));
});
