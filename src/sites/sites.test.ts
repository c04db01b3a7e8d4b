import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeOrg, person } from "../../test/support/context.ts";
import { allPages, BOX, createSite, HPV, MISSING, prepareHpv } from "../../test/support/docking.ts";
import { openLab } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { perform } from "../perform.ts";
import { pdbqtAtoms } from "../structures/pdbqt.ts";
import { listSites, showSite } from "./operations.ts";
import type { CreateSite, Site } from "./schema.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");
const boss = await person(context, org, "admin");
const stranger = await person(context, await makeOrg(context), "scientist");

let receptor: Awaited<ReturnType<typeof prepareHpv>>;
before(async () => {
  receptor = await prepareHpv(context, scientist);
});

const create = (more: Partial<CreateSite>, who = scientist) => createSite(context, who, receptor, more);
const show = (site: string, who = scientist) => perform(context, showSite, who, { site });
const box = (site: Site) => [
  [site.center_x_angstrom, site.center_y_angstrom, site.center_z_angstrom],
  [site.size_x_angstrom, site.size_y_angstrom, site.size_z_angstrom],
];
const rows = () =>
  context.superuser(
    "SELECT (SELECT count(*) FROM binding_sites) AS sites, (SELECT count(*) FROM structures) AS structures, (SELECT count(*) FROM molecules) AS molecules",
    [],
    org.database_name,
  );
const refused =
  (says: RegExp, kind = "bad_input", code = kind) =>
  (error: unknown) => {
    assert.ok(error instanceof AppError, String(error));
    assert.deepEqual([error.kind, error.code], [kind, code], error.message);
    assert.match(error.message, says);
    return true;
  };

test("around the crystal's ligand: its mid-box, its extent and 5 Å on each side, 18 Å at least", async () => {
  const site = await create({ reference: { residue: "478" } });
  const [center = [], size = []] = box(site);
  // Mid-box and extent of amprenavir as they were measured in the file, to their digits.
  for (const [axis, expected] of [9.357, 16.147, 9.207].entries())
    assert.ok(Math.abs((center[axis] ?? 0) - expected) < 0.001, `${center}`);
  for (const [axis, expected] of [9.1 + 10, 18, 15.4 + 10].entries())
    assert.ok(Math.abs((size[axis] ?? 0) - expected) < 0.06, `${size}`);
  assert.deepEqual([site.name, site.version, site.visibility], ["1hpv 478:200", 1, "organization"]);
  const { report } = site;
  assert.deepEqual(
    [report.box, report.padding_angstrom, report.reference, report.reference_heavy_atoms],
    ["around the reference", 5, "478:200", 35],
  );
  assert.match(report.symmetry_mate ?? "", /chains A and B swap, fit 0\.233 Å/);
  assert.deepEqual(report.notes, []);
  const atoms = pdbqtAtoms(Buffer.from(await context.objects.get(org.org_id, receptor.uri)).toString());
  const within = atoms.filter(
    ({ type, position_angstrom }) =>
      type !== "HD" &&
      position_angstrom.every((x, axis) => Math.abs(x - (center[axis] ?? 0)) <= (size[axis] ?? 0) / 2),
  );
  assert.equal(report.receptor_heavy_atoms_in_box, within.length);
  const wider = await create({ reference: { residue: "478:200" }, padding_angstrom: 7 });
  assert.deepEqual(
    box(wider)[1]?.map((side, axis) => Math.round(side - (size[axis] ?? 0))),
    [4, 4, 4].map((more, axis) => (axis === 1 ? Math.round(7.6 + 14 - 18) : more)),
  );
  assert.equal(wider.report.padding_angstrom, 7);
});

test("residues cut short are noted by name where they are in the box, and refused above three", async () => {
  const cut = async (...places: string[]) => {
    const sides = new RegExp(`^ATOM.{9}(?!(N|CA|C|O|CB) )\\S+ +[A-Z]{3} (${places.join("|")}) .*\\n`, "gm");
    const text = HPV.toString().replace(sides, "");
    assert.notEqual(text, HPV.toString());
    return prepareHpv(context, scientist, { content_base64: Buffer.from(text).toString("base64") });
  };
  const one = await createSite(context, scientist, await cut("A  25", "A  41"), BOX);
  assert.deepEqual(one.report.notes, [
    "ASP A:25 in the box lacks CG OD1 OD2: poses may lie where its side chain is",
    "1 residue of the receptor lacks side-chain atoms outside the box: see its report",
  ]);
  const four = await cut("[AB]  25", "[AB]  50");
  const before = await rows();
  await assert.rejects(
    createSite(context, scientist, four, BOX),
    refused(
      /^4 residues in the box lack side-chain atoms \(ASP A:25, .*: mend the structure, or move the box$/,
    ),
  );
  assert.deepEqual(await rows(), before);
});

test("sites tell the waters of their receptor", async () => {
  assert.deepEqual((await create({ ...BOX, name: "wet" })).report.receptor_waters_kept, ["201"]);
  const dry = await prepareHpv(context, scientist, { keep_waters: [] });
  const site = await createSite(context, scientist, dry, { ...BOX, name: "wet" });
  assert.deepEqual(site.report.receptor_waters_kept, []);
});

test("a box given as it is, with a reference or without one", async () => {
  const bare = await create({ ...BOX, name: "bare" });
  assert.deepEqual(box(bare), [BOX.center_angstrom, BOX.size_angstrom]);
  assert.equal(bare.reference_structure_id, null);
  assert.deepEqual(
    [bare.report.box, bare.report.padding_angstrom, bare.report.reference, bare.report.symmetry_mate],
    ["given", null, null, null],
  );
  const known = await create({ ...BOX, name: "known", reference: { residue: "478" } });
  assert.deepEqual(box(known), box(bare));
  assert.notEqual(known.reference_structure_id, null);
  assert.deepEqual(known.report.notes, []);
  const cut = await create({
    ...BOX,
    name: "cut",
    size_angstrom: [6, 18, 26],
    reference: { residue: "478" },
  });
  assert.match(cut.report.notes.join(), /^\d+ of 35 heavy atoms of the reference lie outside the box$/);
  assert.match((await create(BOX)).name, /^1hpv$/);
});

test("the reference is kept once, as the residue of the file that it was taken from", async () => {
  const one = await create({ ...BOX, name: "first", reference: { residue: "478" } });
  const two = await create({ ...BOX, name: "second", reference: { residue: "478:200" } });
  assert.equal(one.reference_structure_id, two.reference_structure_id);
  const [row] = await context.superuser<Record<string, unknown>>(
    "SELECT kind, format, name, preparation, molecule_id, uri FROM structures WHERE structure_id = $1",
    [one.reference_structure_id],
    org.database_name,
  );
  const { uri, ...rest } = row ?? {};
  assert.deepEqual(rest, {
    kind: "reference_ligand",
    format: "pdb",
    name: "478:200",
    preparation: { residue: "478:200" },
    molecule_id: null,
  });
  assert.deepEqual(Buffer.from(await context.objects.get(org.org_id, String(uri))), HPV);
});

const BAD: [what: string, more: Record<string, unknown>, says: RegExp, kind?: string, code?: string][] = [
  ["neither box nor reference", {}, /say where to dock/],
  ["a middle without sides", { center_angstrom: [9, 16, 9] }, /both its center and its size/],
  ["sides without a middle", { size_angstrom: [20, 20, 20] }, /both its center and its size/],
  ["room around a box that is given", { ...BOX, padding_angstrom: 3 }, /padding/],
  [
    "a box that misses the receptor",
    { ...BOX, center_angstrom: [150, 16, 9] },
    /no atom of the receptor lies in the box around \(150, 16, 9\)/,
    "engine_refused",
    "box_misses_receptor",
  ],
  [
    "a reference outside the box",
    { center_angstrom: [9.4, 16.1, 38], size_angstrom: [30, 30, 10], reference: { residue: "478" } },
    /478:200 lies outside the box/,
  ],
  ["a side above 30 Å", { ...BOX, size_angstrom: [20, 20, 30.5] }, /30\.5 Å wide along z.*`large_box`/],
  ["room that makes it wider", { reference: { residue: "478" }, padding_angstrom: 10 }, /Å wide along z/],
  ["a side above 100 Å", { ...BOX, size_angstrom: [20, 101, 20], large_box: true }, /at most 100 Å/],
  ["a side of 0", { ...BOX, size_angstrom: [20, 0, 20] }, /must be above 0/],
  ["a side below 0", { ...BOX, size_angstrom: [-20, 20, 20] }, /must be above 0/],
  ["a middle that is no number", { ...BOX, center_angstrom: ["NaN", 16, 9] }, /center_angstrom/],
  ["NaN", { ...BOX, center_angstrom: [Number.NaN, 16, 9] }, /center/],
  ["an endless side", { ...BOX, size_angstrom: [20, Number.POSITIVE_INFINITY, 20] }, /size/],
  ["two numbers", { ...BOX, center_angstrom: [9, 16] }, /center_angstrom/],
  ["a name of blanks", { ...BOX, name: "   " }, /name/],
  ["a residue that is not there", { reference: { residue: "999" } }, /999/],
  ["a water as reference", { reference: { residue: "HOH" } }, /HOH/],
  ["a reference that is nothing", { reference: {} }, /as a residue of the receptor's file, or as a file/],
  ["two references", { reference: { residue: "478", content_base64: "MQ==" } }, /or as a file/],
  ["a reference file that is none", { reference: { content_base64: "MQ==" } }, /./],
];

for (const [what, more, says, kind, code] of BAD) {
  test(`${what} is refused, and nothing is written`, async () => {
    const before = await rows();
    await assert.rejects(create(more as Partial<CreateSite>), refused(says, kind, code));
    assert.deepEqual(await rows(), before);
  });
}

test("a large box is made where it is said, the limits themselves without a word", async () => {
  const large = await create({ ...BOX, size_angstrom: [20, 30.001, 100], large_box: true });
  assert.deepEqual(box(large)[1], [20, 30.001, 100]);
  assert.deepEqual(box(await create({ ...BOX, size_angstrom: [30, 30, 30] }))[1], [30, 30, 30]);
});

test("the same again is the same site, another box the next version of its name", async () => {
  const wish = { ...BOX, name: "pocket", reference: { residue: "478" } };
  const one = await create(wish);
  const again = await create({ ...wish, name: "  pocket " });
  assert.deepEqual([again.site_id, again.created, again.version], [one.site_id, false, 1]);
  const { created: _made, ...row } = one;
  assert.deepEqual(await show("pocket"), row);
  const two = await create({ ...wish, size_angstrom: [20, 18, 26.5] });
  const three = await create({ ...BOX, name: "pocket" });
  const four = await create({ ...wish, center_angstrom: [9.4, 16.1, 9.3] });
  assert.deepEqual(
    [two, three, four].map((site) => [site.created, site.version]),
    [2, 3, 4].map((version) => [true, version]),
  );
  assert.equal((await create(wish)).site_id, one.site_id, "an older version is found too");
  assert.equal((await create({ ...wish, name: "other pocket" })).created, true);
  assert.equal((await create(wish, colleague)).site_id, one.site_id, "what the organization has");
});

test("a site is found by id, by name, which is its newest version, and by name@version", async () => {
  const [one, two] = [
    await create({ ...BOX, name: "S1" }),
    await create({ ...BOX, name: "S1", size_angstrom: [19, 18, 26] }),
  ];
  for (const [text, expected] of [
    [one.site_id, one],
    [one.site_id.toUpperCase(), one],
    ["S1", two],
    ["S1@1", one],
    ["S1@2", two],
  ] as const)
    assert.equal((await show(text)).site_id, expected.site_id, text);
  for (const text of ["S1@3", "s1", "S1@", "S1@0", "S1@-1", "S1@1.0", "S1@99999999999", "@1", MISSING])
    await assert.rejects(show(text), refused(/^no such binding site$/, "not_found"), text);
});

test("a name with @ in it is found as it is called, and never hides what a list calls name@version", async () => {
  const plain = await create({ ...BOX, name: "P" });
  const odd = await create({ ...BOX, name: "P@1" });
  const mail = await create({ ...BOX, name: "me@lab 2" });
  assert.equal((await show("P@1@1")).site_id, odd.site_id);
  assert.equal((await show("P@1")).site_id, plain.site_id, "as `site list` writes it");
  assert.equal((await show("P")).site_id, plain.site_id);
  assert.equal((await show("me@lab 2")).site_id, mail.site_id);
  assert.equal((await show("me@lab 2@1")).site_id, mail.site_id);
  const late = await create({ ...BOX, name: "Q@7" });
  assert.equal((await show("Q@7")).site_id, late.site_id, "where nothing else is called so");
});

test("of two people's sites of one name one's own is meant", async () => {
  const mine = await create({ ...BOX, name: "shared name" });
  const theirs = await create({ ...BOX, name: "shared name", size_angstrom: [21, 21, 21] }, colleague);
  assert.deepEqual([theirs.created, theirs.version], [true, 1]);
  assert.equal((await show("shared name")).site_id, mine.site_id);
  assert.equal((await show("shared name", colleague)).site_id, theirs.site_id);
});

test("of others' sites of one name none is taken: their ids are told, and one's own or an id decides", async () => {
  const named = { ...BOX, name: "ours" };
  const first = await create(named);
  assert.equal((await show("ours", colleague)).site_id, first.site_id, "one other person's is meant");
  const newer = await create({ ...named, size_angstrom: [20, 18, 27] });
  assert.equal((await show("ours", colleague)).site_id, newer.site_id, "its newest version too");
  const bosses = await create({ ...named, size_angstrom: [20, 18, 28] }, boss);
  const several = (error: unknown) => {
    refused(/^2 people have a site "ours": give the id of one/)(error);
    for (const site of [newer, bosses]) assert.ok((error as Error).message.includes(site.site_id));
    assert.ok(!(error as Error).message.includes(first.site_id), "of each their newest");
    return true;
  };
  await assert.rejects(show("ours", colleague), several);
  await assert.rejects(show("ours@1", colleague), refused(/^2 people have a site "ours@1"/));
  assert.equal((await show("ours@2", colleague)).site_id, newer.site_id, "only one has a second version");
  assert.equal((await show(bosses.site_id, colleague)).site_id, bosses.site_id);
  assert.equal((await show("ours", boss)).site_id, bosses.site_id);
  const mine = await create({ ...named, size_angstrom: [20, 18, 29] }, colleague);
  assert.equal((await show("ours", colleague)).site_id, mine.site_id);
  const secret = { ...BOX, name: "half hidden" };
  await create({ ...secret, visibility: "private" });
  const open = await create({ ...secret, size_angstrom: [20, 18, 27] }, boss);
  assert.equal((await show("half hidden", colleague)).site_id, open.site_id, "a private one is not counted");
  const odd = await create({ ...BOX, name: "ours@2", size_angstrom: [18, 18, 27] }, boss);
  const other = await person(context, org, "scientist");
  assert.equal((await show("ours@2", other)).site_id, newer.site_id, "as a list writes it");
  assert.equal((await show("ours@2@1", other)).site_id, odd.site_id);
});

test("four at once get four versions, and four that are the same get one", async () => {
  const four = [1, 2, 3, 4];
  await Promise.all(four.map(() => perform(context, listSites, scientist, {})));
  const made = await Promise.all(
    four.map((n) => create({ ...BOX, name: "race", size_angstrom: [20 + n, 18, 26] })),
  );
  assert.deepEqual(made.map((site) => site.version).toSorted(), four);
  const newest = made.find((site) => site.version === 4);
  assert.equal((await show("race")).site_id, newest?.site_id, "also where the first to begin was the last");
  const same = await Promise.all(
    four.map(() =>
      create({ ...BOX, name: "same race", reference: { residue: "478" }, size_angstrom: [22, 22, 22] }),
    ),
  );
  assert.equal(new Set(same.map((site) => site.site_id)).size, 1);
  assert.equal(same.filter((site) => site.created).length, 1);
});

test("a private site, and any site at a private receptor, is its owner's and admins'", async () => {
  const mine = await create({ ...BOX, name: "mine", visibility: "private" });
  const hidden = await prepareHpv(context, scientist, { visibility: "private" });
  const at = await createSite(context, scientist, hidden, { reference: { residue: "478" }, name: "hidden" });
  const [reference] = await context.superuser<{ visibility: string }>(
    "SELECT visibility FROM structures WHERE structure_id = $1",
    [at.reference_structure_id],
    org.database_name,
  );
  assert.deepEqual(
    [mine.visibility, at.visibility, reference?.visibility],
    ["private", "private", "private"],
  );
  const missing = refused(/^no such binding site$/, "not_found");
  for (const site of [mine, at]) {
    assert.equal((await show(site.site_id, boss)).site_id, site.site_id);
    for (const who of [colleague, stranger])
      for (const text of [site.site_id, site.name, `${site.name}@1`])
        await assert.rejects(show(text, who), missing);
  }
  await assert.rejects(
    createSite(context, colleague, hidden, BOX),
    refused(/^no such receptor$/, "not_found"),
  );
  const open = await create({ ...BOX, name: "mine" });
  assert.deepEqual(
    [open.created, open.version],
    [true, 2],
    "an open wish is not answered with a private site",
  );
  const again = await create({ ...BOX, name: "mine", visibility: "private" });
  assert.deepEqual([again.site_id, again.created], [mine.site_id, false]);
  for (const who of [colleague, boss]) {
    const theirs = await create({ ...BOX, name: "mine", visibility: "private" }, who);
    assert.deepEqual([theirs.created, theirs.version], [true, 1], "names count for each on their own");
  }
});

test("lists hold what one may see, newest first, page by page", async () => {
  const list = (who: typeof scientist) => allPages((input) => perform(context, listSites, who, input), 5);
  const [mine, theirs] = [await list(scientist), await list(colleague)];
  assert.equal(new Set(mine.map((site) => site.site_id)).size, mine.length);
  assert.ok(mine.some((site) => site.name === "hidden") && !theirs.some((site) => site.name === "hidden"));
  const times = mine.map((site) => Date.parse(site.created_at));
  assert.deepEqual(
    times,
    times.toSorted((a, b) => b - a),
  );
  assert.deepEqual(await list(stranger), []);
});

test("no site is made at what is no prepared receptor of one's organization", async () => {
  const none = refused(/^no such receptor$/, "not_found");
  const { source_structure_id } = receptor.preparation;
  await assert.rejects(createSite(context, scientist, { structure_id: MISSING }), none);
  await assert.rejects(createSite(context, scientist, { structure_id: source_structure_id }), none);
  await assert.rejects(createSite(context, stranger, receptor), none);
});
