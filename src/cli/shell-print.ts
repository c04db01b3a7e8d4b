import type { ShellResult } from "../shell/store.ts";
import { isNumeric } from "../shell/values.ts";

/** Rows as objects. A second column of one name becomes `name_2`, so that none is lost. */
export function rowsOf({ columns, rows }: ShellResult): Record<string, unknown>[] {
  const names: string[] = [];
  for (const { name } of columns) {
    let unique = name;
    for (let n = 2; names.includes(unique); n++) unique = `${name}_${n}`;
    names.push(unique);
  }
  return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
}

/** A result for a person: a table, or what was done to how many rows. */
export function printed(result: ShellResult): string {
  const { command, row_count, columns, rows } = result;
  if (columns.length === 0) return row_count === null ? command : `${command} ${row_count}`;
  if (rows.length === 0) return "no rows";
  const cells = rows.map((row) => columns.map((_, index) => cell(row[index])));
  const widths = columns.map(({ name }, index) =>
    Math.max(width(name), ...cells.map((row) => width(row[index] ?? ""))),
  );
  const line = (texts: string[]) =>
    texts
      .map((text, index) => {
        const gap = " ".repeat((widths[index] ?? 0) - width(text));
        return isNumeric(columns[index]?.type ?? 0) ? gap + text : text + gap;
      })
      .join("  ")
      .trimEnd();
  const count = rows.length === 1 ? "1 row" : `${rows.length} rows`;
  return [line(columns.map(({ name }) => name)), ...cells.map(line), `(${count})`].join("\n");
}

/** NULL is told from an empty text; a line feed or a control character would break the table, or the terminal. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replace(/\n/g, "↵").replace(/[\u0000-\u001f\u007f-\u009f]/g, "�");
}

function width(text: string): number {
  return [...text].length;
}
