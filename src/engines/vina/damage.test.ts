import assert from "node:assert/strict";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunOutcome } from "../../executors/executor.ts";
import { parseVina } from "./parse.ts";
import type { VinaInput, VinaParams } from "./schema.ts";

/** Ways to damage a recorded run, shared by tests; none of its own. */
export type Run = { params: VinaParams; input: VinaInput; outcome: RunOutcome };

export const parse = ({ params, input, outcome }: Run) => parseVina(params, input, outcome);

export function set(change: Partial<RunOutcome>) {
  return ({ outcome }: Run) => {
    Object.assign(outcome, change);
  };
}

export function askFor(change: Partial<VinaParams>) {
  return ({ params }: Run) => {
    Object.assign(params, change);
  };
}

export function printed(from: string | RegExp, to: string) {
  return ({ outcome }: Run) => {
    const { stdout } = outcome;
    outcome.stdout = stdout.replace(from, to);
    assert.notEqual(outcome.stdout, stdout);
  };
}

export function written(from: RegExp, to: string) {
  return async ({ outcome }: Run) => {
    const path = join(outcome.folder, "out.pdbqt");
    const text = await readFile(path, "utf8");
    assert.match(text, from);
    await writeFile(path, text.replace(from, to));
  };
}

/** The file as another function of its text. */
export function rewritten(change: (text: string) => string) {
  return async ({ outcome }: Run) => {
    const path = join(outcome.folder, "out.pdbqt");
    const text = await readFile(path, "utf8");
    assert.notEqual(change(text), text);
    await writeFile(path, change(text));
  };
}

export function cut(bytes: number) {
  return ({ outcome }: Run) => truncate(join(outcome.folder, "out.pdbqt"), bytes);
}

export function removed({ outcome }: Run) {
  return rm(join(outcome.folder, "out.pdbqt"));
}
