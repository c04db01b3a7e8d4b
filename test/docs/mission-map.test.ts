import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../house/sources.ts";
import { migratedSchemas } from "../support/schemas.ts";
import { Places } from "./places.ts";

type Row = { line: number; sources: string[]; asked: string; here: string; note: string };

const MAP = readFileSync(join(ROOT, "docs/mission-map.md"), "utf8");
const SOURCES = ["000", "001", "002", "003", "004"];

/** The rows of the map's tables; the first table, of the sources, has two cells and is none of them. */
function rowsOf(map: string): Row[] {
  return map.split("\n").flatMap((text, index) => {
    const cells = text
      .split("|")
      .slice(1, -1)
      .map((part) => part.trim());
    if (cells.length !== 4 || cells[0] === "source" || /^-+$/.test(cells[0] ?? "")) return [];
    const [sources = "", asked = "", here = "", note = ""] = cells;
    return [{ line: index + 1, sources: sources.split(", "), asked, here, note }];
  });
}

/** What a row asks for, as the list of names says it: `table: users`, `column: users.email`. */
function nameOf({ asked }: Row): string {
  const [, kind = "", name = ""] = /^([a-z ]*)`(.+)`$/.exec(asked) ?? [];
  return `${kind.trim() || "column"}: ${name}`;
}

/** Names of the list, a table's columns each by itself: `001 column: users.email`. */
function wanted(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const [, source = "", name = "", columns] = /^(\d{3}) (.+?)(?: = (.+))?$/.exec(line) ?? [];
    if (name === "") return [];
    const table = name.replace("table: ", "");
    return [
      `${source} ${name}`,
      ...(columns?.split(" ").map((column) => `${source} column: ${table}.${column}`) ?? []),
    ];
  });
}

type Answer = {
  places: string[];
  files: string[];
  decisions: string[];
  later: string | undefined;
  rest: string;
};

/** A cell of the column "here", taken apart; `rest` is what nobody understands. */
function answerOf(here: string): Answer {
  const links = [...here.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)];
  const decisions = links.filter(([, title = ""]) => title.startsWith("ADR "));
  const later = /not yet: (.+)$/.exec(here)?.[1];
  return {
    places: [...here.matchAll(/`([^`]+)`/g)].map(([, place = ""]) => place),
    files: links.filter((link) => !decisions.includes(link)).map(([, , file = ""]) => file),
    decisions: decisions.map(([, title = "", file = ""]) => `${title.slice(4)} ${file}`),
    later,
    rest: here
      .replace(/not yet: .+$/, "")
      .replaceAll(/`[^`]+`|\[[^\]]+\]\([^)]+\)|, /g, "")
      .trim(),
  };
}

const places = new Places(await migratedSchemas());
const rows = rowsOf(MAP);
const answers = rows.map((row) => ({ row, ...answerOf(row.here) }));

test("every row of the map points to something that is there", () => {
  const bad: string[] = [];
  for (const { row, places: named, files, decisions, later, rest } of answers) {
    const say = (what: string) => bad.push(`line ${row.line}: ${what}`);
    if (named.length + files.length + decisions.length === 0 && later === undefined) say("points to nothing");
    if (rest !== "") say(`can't be read: ${rest}`);
    for (const place of named) if (!places.exists(place)) say(`no ${place}`);
    for (const file of files) if (!existsSync(join(ROOT, "docs", file))) say(`no file ${file}`);
    for (const decision of decisions) {
      const [number = "", file = ""] = decision.split(" ");
      if (!file.startsWith(`adr/${number}-`) || !existsSync(join(ROOT, "docs", file)))
        say(`no decision ${decision}`);
    }
    if (!row.sources.every((source) => SOURCES.includes(source))) say(`no source ${row.sources.join()}`);
  }
  assert.ok(rows.length > 400, "the map was not read");
  assert.deepEqual(bad, []);
});

test("nothing is mapped twice", () => {
  const names = rows.map(nameOf);
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

test("the map has a row for each name that was asked for, and no other", () => {
  const names = wanted(readFileSync(join(ROOT, "test/docs/mission-names.txt"), "utf8"));
  const mapped = rows.flatMap((row) => row.sources.map((source) => `${source} ${nameOf(row)}`));
  assert.ok(names.length > 600, "the names were not read");
  assert.equal(new Set(names).size, names.length, "a name stands twice");
  assert.deepEqual(
    names.filter((name) => !mapped.includes(name)),
    [],
    "asked for, and not in the map",
  );
  assert.deepEqual(
    mapped.filter((name) => !names.includes(name)),
    [],
    "in the map, and not asked for",
  );
});

test("the counts in the map's head are right", () => {
  const later = answers.filter((answer) => answer.later !== undefined).length;
  const here = answers.filter(
    (answer) => answer.later === undefined && answer.places.length + answer.files.length > 0,
  ).length;
  const counts = [rows.length, here, rows.length - here - later, later];
  const [all, found, decided, missing] = counts.map((count) => `**${count}**`);
  const head = `${all} rows: ${found} have a place here, ${decided} are answered by a decision, ${missing} are not there yet.`;
  assert.ok(MAP.includes(head), `the head should say: ${head}`);
});

test("the look-up finds what is there and nothing else", () => {
  const there = [
    "metadata.users",
    "metadata.users.email",
    "results.atomic_forces.force_x_eh_per_bohr",
    "index results.idx_jobs_priority",
    "word running in constraint results.jobs.jobs_status_check",
  ];
  const gone = [
    "results.users",
    "metadata.users.emails",
    "index results.jobs",
    "constraint results.jobs.nothing",
    "policy metadata.users.users_nobody",
    "trigger results.jobs.jobs_stop",
    "function results.app_org",
    "function results.nothing()",
    "partitioned results.jobs",
    "forced results.atomic_forces",
    "PII metadata.users.enabled",
    "word run in constraint results.jobs.jobs_status_check",
    "whatever results.jobs",
    "other.jobs",
  ];
  assert.deepEqual(
    there.filter((place) => !places.exists(place)),
    [],
  );
  assert.deepEqual(
    gone.filter((place) => places.exists(place)),
    [],
  );
});
