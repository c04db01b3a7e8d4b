import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { SETTINGS } from "../../src/settings.ts";

const FILE = readFileSync(new URL("../../.env.example", import.meta.url), "utf8");

/** Settings as the file has them: name and the line of text above it, empty where there is none. */
function documented(): [name: string, text: string][] {
  const lines = FILE.split("\n");
  return lines.flatMap((line, index): [string, string][] => {
    const name = /^#([A-Z][A-Z0-9_]*)=$/.exec(line)?.[1];
    const above = /^# (.*)$/.exec(lines[index - 1] ?? "")?.[1];
    return name === undefined ? [] : [[name, above ?? ""]];
  });
}

test(".env.example lists every setting with its text, in the same order, and no other", () => {
  assert.deepEqual(documented(), Object.entries(SETTINGS));
});

test(".env.example sets nothing: each line is a comment or blank", () => {
  const active = FILE.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.deepEqual(active, []);
  const unread = FILE.split("\n").filter((line) => /^#\S/.test(line) && !/^#[A-Z][A-Z0-9_]*=$/.test(line));
  assert.deepEqual(unread, [], "lines that look like a setting and are not read as one");
});
