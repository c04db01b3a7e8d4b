// Puts test files together into processes. Each process imports, and warms up, the same code again: with a
// process a file that was a quarter to a third of what they cost. Within a process one file comes after the
// other, each a suite, with hooks of its own. A file that cannot have company says so in its first line:
// `// A process of its own: why`.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const ALONE = /^\/\/ A process of its own: \S/;
/** What starts servers, programs or the toolkit, or speaks to them. */
const ASKING = /from "[^"]*(\/support\/|\/home\.ts|\/toolkit\.ts|\/identities\.ts|node:child_process)/;
/** Of text, which says roughly how long tests take. */
const GROUP_BYTES = 50_000;
const FILE_LIMIT_MS = 300_000;
const LEFT_OPEN_MS = 10_000;

type TestFile = { file: string; bytes: number };

/** The files in groups, those that take longest first: none of them should be left to run alone in the end. */
export function groupsOf(files: string[]): string[][] {
  const [alone, whole, asking, quick]: [TestFile[], TestFile[], TestFile[], TestFile[]] = [[], [], [], []];
  for (const file of files) {
    const text = readFileSync(file, "utf8");
    const item = { file, bytes: text.length };
    if (ALONE.test(text)) alone.push(item);
    else if (!ASKING.test(text)) quick.push(item);
    else (file.startsWith("test/") ? whole : asking).push(item);
  }
  return [...alone.map(({ file }) => [file]), ...dealt(whole), ...dealt(asking), ...dealt(quick)];
}

/** Neighbours stay together: they import the same. */
function dealt(items: TestFile[]): string[][] {
  const groups: string[][] = [];
  let bytes = GROUP_BYTES;
  for (const item of items) {
    if (bytes + item.bytes > GROUP_BYTES) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(item.file);
    bytes += item.bytes;
  }
  return groups;
}

/** Writes a file for each group that runs its files, and returns their paths. */
export function writeGroups(groups: string[][], folder: string): string[] {
  return groups.map((files, index) => {
    const path = join(folder, `group-${String(index + 1).padStart(3, "0")}.test.mjs`);
    writeFileSync(path, groupText(files));
    return path;
  });
}

/**
 * The next file is imported when the tests of the last one have ended, and its own wait for that one's hooks. One that
 * cannot be imported is a test that failed, and does not keep the others from running. What a test leaves open would
 * hold up the run for as long as it lasts, and nobody would know why: it fails the group.
 */
function groupText(files: string[]): string {
  const urls = files.map((file) => [file, pathToFileURL(resolve(file)).href]);
  return `import { after, suite, test } from "node:test";
for (const [file, url] of ${JSON.stringify(urls)}) {
  await new Promise((ended) => {
    suite(file, { timeout: ${FILE_LIMIT_MS} }, async () => {
      after(ended);
      try {
        await import(url);
      } catch (error) {
        test("can be imported", () => {
          throw error;
        });
      }
    });
  });
}
const leftOpen = () => {
  console.error("a test left open: " + [...new Set(process.getActiveResourcesInfo())].join(", "));
  process.exit(1);
};
setTimeout(leftOpen, ${LEFT_OPEN_MS}).unref();
`;
}
