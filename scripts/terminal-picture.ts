/**
 * `node scripts/terminal-picture.ts docs/pictures/NAME.txt` draws a terminal with that text as NAME.svg beside it.
 * The text is what a session printed; a line that begins with `$ ` was typed.
 */
import { readFileSync, writeFileSync } from "node:fs";

const ROW = 18;
const CELL = 7.8;
const MARGIN = 16;
const BAR = 30;

for (const path of process.argv.slice(2)) {
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  writeFileSync(path.replace(/\.txt$/, ".svg"), draw(lines));
}

function draw(lines: string[]): string {
  const columns = Math.max(60, ...lines.map((line) => [...line].length));
  const width = Math.ceil(columns * CELL + 2 * MARGIN);
  const height = BAR + lines.length * ROW + 2 * MARGIN;
  const dots = ["#ff5f57", "#febc2e", "#28c840"]
    .map((fill, at) => `<circle cx="${MARGIN + 4 + at * 20}" cy="${BAR / 2 + 2}" r="6" fill="${fill}"/>`)
    .join("");
  const rows = lines.map((line, at) => text(line, BAR + MARGIN + at * ROW + 12)).join("\n");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(`a terminal: ${lines[0] ?? ""}`)}</title>
<rect width="${width}" height="${height}" rx="8" fill="#16181d"/>${dots}
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" fill="#d7dae0" xml:space="preserve">
${rows}
</g></svg>
`;
}

/** A line; its length is stated, so that columns stand under each other whatever the reader's font. */
function text(line: string, y: number): string {
  if (line === "") return "";
  const length = ([...line].length * CELL).toFixed(1);
  const fill = line.startsWith("$ ") ? ' fill="#7ee787"' : "";
  return `<text x="${MARGIN}" y="${y}" textLength="${length}"${fill}>${escaped(line)}</text>`;
}

function escaped(content: string): string {
  return content.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
