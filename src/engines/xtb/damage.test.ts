import assert from "node:assert/strict";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunOutcome } from "../../executors/executor.ts";
import { parseXtb } from "./parse.ts";
import type { XtbInput, XtbParams } from "./schema.ts";

/** Ways to damage a recorded run, shared by tests; none of its own. */
export type Run = { params: XtbParams; input: XtbInput; outcome: RunOutcome };

export const parse = ({ params, input, outcome }: Run) => parseXtb(params, input, outcome);

export function set(change: Partial<RunOutcome>) {
  return ({ outcome }: Run) => {
    Object.assign(outcome, change);
  };
}

export function askFor(change: Partial<XtbParams>) {
  return ({ params }: Run) => {
    Object.assign(params, change);
  };
}

export function edit(from: string | RegExp, to: string) {
  return ({ outcome }: Run) => {
    outcome.stdout = outcome.stdout.replace(from, to);
  };
}

export function inFile(name: string, from: RegExp, to: string) {
  return async ({ outcome }: Run) => {
    const path = join(outcome.folder, name);
    const text = await readFile(path, "utf8");
    assert.match(text, from);
    await writeFile(path, text.replace(from, to));
  };
}

export function inJson(from: RegExp, to: string) {
  return inFile("xtbout.json", from, to);
}

export function leave(name: string, content = "") {
  return ({ outcome }: Run) => writeFile(join(outcome.folder, name), content);
}

export function remove(name: string) {
  return ({ outcome }: Run) => rm(join(outcome.folder, name));
}

export function cut(name: string, bytes: number) {
  return ({ outcome }: Run) => truncate(join(outcome.folder, name), bytes);
}
