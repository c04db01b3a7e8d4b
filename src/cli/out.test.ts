import assert from "node:assert/strict";
import { Readable, Writable } from "node:stream";
import { test } from "node:test";
import { AppError } from "../errors.ts";
import { fixed, Out, table, wrapped } from "./out.ts";

class Screen extends Writable {
  text = "";
  readonly isTTY: boolean;
  readonly columns = 40;
  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

function open(
  options: { json?: boolean; verbose?: boolean; tty?: boolean; wide?: boolean; answer?: string } = {},
) {
  const { json = false, verbose = false, tty = false, wide = false, answer } = options;
  const [stdout, stderr] = [new Screen(wide), new Screen(tty)];
  const stdin = Object.assign(Readable.from(answer === undefined ? [] : [`${answer}\n`]), {
    isTTY: answer !== undefined,
  });
  return { out: new Out({ env: {}, cwd: "/", stdout, stderr, stdin }, { json, verbose }), stdout, stderr };
}

test("a table aligns names to the left and numbers to the right, and shows null as a dash", () => {
  const rows = [
    ["water", 4, null],
    ["ü", 12, 1.5],
  ];
  assert.equal(table(["name", "n", "x"], rows), "name    n    x\nwater   4    –\nü      12  1.5");
  assert.equal(table(["name"], [], "nobody"), "nobody");
  assert.deepEqual([fixed(1.23456, 2), fixed(null, 2), fixed(undefined, 2)], ["1.23", null, null]);
});

test("a table shows what would act on the terminal, and leaves every other script as it is", () => {
  const rows = [
    ["\x1b[2Jgone\r\n\u202etxt.exe", "Ἑλένη 水 ✓"],
    ["ad\u200bmin\u3164\u{e0041}", "x"],
  ];
  assert.deepEqual(
    table(["name", "x"], rows)
      .split("\n")
      .slice(1)
      .map((line) => line.replace(/ +/, "  ")),
    ["\\u001b[2Jgone\\u000d\\u000a\\u202etxt.exe  Ἑλένη 水 ✓", "ad\\u200bmin\\u3164\\u{e0041}  x"],
  );
});

test("an error shows what would act on the terminal, and a file does where it is one", () => {
  const { out, stderr, stdout } = open();
  const fields = ["a", "b"].map((path) => ({ path, rule: `\x1b[31m${path}` }));
  out.error(new AppError("bad_input", "no member x\x1b[31m\r", { fields }));
  assert.equal(stderr.text, "aliquot: no member x\\u001b[31m\\u000d\n  a: \\u001b[31ma\n  b: \\u001b[31mb\n");
  const file = "3\r\nname\x1b[2J\tx\nC\r0";
  assert.equal(out.content(file), file);
  const screen = Object.assign(stdout, { isTTY: true });
  assert.equal(screen.isTTY, true);
  assert.equal(out.content(file), "3\r\nname\\u001b[2J\tx\nC\\u000d0");
});

test("many words go on in lines below, as wide as what shows them", () => {
  const may = ["jobs:read", "jobs:submit", "molecules:read", "molecules:write"].join(" ");
  assert.equal(wrapped(may, 2, 24), "jobs:read jobs:submit\n  molecules:read\n  molecules:write");
  assert.equal(wrapped(may, 2, 24, 14), "jobs:read\n  jobs:submit\n  molecules:read\n  molecules:write");
  assert.equal(
    table(["role", "may"], [["viewer", may]], "nobody", 34),
    "role    may\nviewer  jobs:read jobs:submit\n        molecules:read\n        molecules:write",
  );
  assert.equal(table(["role", "may"], [["viewer", may]]).split("\n").length, 2);
  assert.deepEqual([open().out.width, open({ wide: true }).out.width], [100, 40]);
});

test("a result is JSON where that was asked, else what a person reads", () => {
  const json = open({ json: true });
  json.out.result({ a: 1 }, () => "text");
  assert.equal(json.stdout.text, '{"a":1}\n');
  const plain = open();
  plain.out.result({ a: 1 }, ({ a }) => `a is ${a}`);
  plain.out.result({ a: 1 }, () => "");
  assert.deepEqual([plain.stdout.text, plain.stderr.text], ["a is 1\n", ""]);
});

test("progress is drawn on a terminal within its width, and wiped before a line", () => {
  const screen = open({ tty: true });
  screen.out.progress(1, 2, "a note that is much too long for a screen of 40 columns");
  assert.equal(screen.stderr.text.replace("\r\x1b[2K", "").length, 39);
  screen.out.say("done");
  assert.ok(screen.stderr.text.endsWith("\r\x1b[2Kdone\n"));
  const empty = open({ tty: true });
  empty.out.progress(0, 0, "");
  assert.match(empty.stderr.text, /█{24} 0\/0/);
});

test("without a terminal progress is a line now and then, where something changed", (t) => {
  let now = 1000;
  t.mock.method(performance, "now", () => now);
  const pipe = open();
  for (const [at, done] of [
    [0, 0],
    [9, 1],
    [10, 2],
    [15, 3],
    [20, 2],
    [60, 3],
  ] as const) {
    now = 1000 + at * 1000;
    pipe.out.progress(done, 3, "jobs");
  }
  assert.equal(pipe.stderr.text, "2/3 jobs\n3/3 jobs\n");
});

test("an error is a line; its fields follow where the message does not hold them", () => {
  const fields = [
    { line: 2, rule: "is empty" },
    { path: "name", rule: "is short" },
  ];
  const some = open();
  some.out.error(new AppError("bad_input", "2 refused, the first: is empty", { fields, detail: "a stack" }));
  assert.equal(
    some.stderr.text,
    "aliquot: 2 refused, the first: is empty\n  line 2: is empty\n  name: is short\n",
  );
  const all = open();
  all.out.error(new AppError("usage", "it is empty; it is short", { fields }));
  assert.equal(all.stderr.text, "aliquot: it is empty; it is short\n");
  const verbose = open({ verbose: true, json: true });
  verbose.out.error(new AppError("internal", "broke", { detail: "a stack" }));
  assert.equal(verbose.stderr.text, "aliquot: broke\na stack\n");
  assert.deepEqual(JSON.parse(verbose.stdout.text), {
    error: { code: "internal", message: "broke", fields: [] },
  });
});

test("what a message calls a field in backticks is said as a flag, and what is none stays", () => {
  const said = open();
  said.out.error(
    new AppError(
      "bad_input",
      "leave `limit` out, or ask without `job_ids`; not limit, `aliquot up` or `smiles`",
    ),
  );
  assert.match(
    said.stderr.text,
    /leave --limit out, or ask without --job; not limit, `aliquot up` or `smiles`/,
  );
});

test("a question is answered by --yes, by a person, or is an error of usage", async () => {
  assert.equal(await open().out.confirm("Sure?", true), true);
  await assert.rejects(open().out.confirm("Sure?", false), { kind: "usage", message: /^Sure\? Say --yes/ });
  for (const [answer, expected] of [
    ["y", true],
    ["YES", true],
    ["", false],
    ["yesterday", false],
  ] as const) {
    const asked = open({ answer });
    assert.equal(await asked.out.confirm("Sure?", false), expected, answer);
    assert.match(asked.stderr.text, /Sure\? \[y\/N\]/);
  }
});
