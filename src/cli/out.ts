import type { Context } from "../context.ts";
import { AppError } from "../errors.ts";
import { visible, visibleLines } from "../words.ts";
import { inFlags } from "./in-flags.ts";

/** What a command may touch of the process. */
export type Io = {
  env: Record<string, string | undefined>;
  cwd: string;
  stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  stderr: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  stdin: NodeJS.ReadableStream & { isTTY?: boolean; unref?: () => void };
  /** Test only: one that is open already, so that a hundred commands need not open one each; its opener closes it. */
  context?: Context;
};

/** Where lines are broken that no terminal shows. */
const WIDTH = 100;

/** Without a terminal a line of progress is enough so often. */
const TELL_MS = 10_000;

/** Whatever reaches the terminal goes through here: results on stdout, the rest on stderr. */
export class Out {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly #io: Io;
  #bar = false;
  /** What of progress was said last where it can't be drawn, and when. */
  #told: { text: string; at: number } | undefined;

  constructor(io: Io, options: { json: boolean; verbose: boolean }) {
    this.#io = io;
    this.json = options.json;
    this.verbose = options.verbose;
  }

  /** Signs in a line of what a person reads. */
  get width(): number {
    return (this.#io.stdout.isTTY === true && this.#io.stdout.columns) || WIDTH;
  }

  /** The result: one JSON document with --json, else what `human` makes of it. */
  result<T>(value: T, human: (value: T) => string): void {
    this.#clear();
    const text = this.json ? JSON.stringify(value) : human(value);
    if (text !== "") this.#io.stdout.write(`${text}\n`);
  }

  /** What a file holds: as it is for programs and files, and on a terminal without what would act on it. */
  content(text: string): string {
    return this.#io.stdout.isTTY === true ? visibleLines(text) : text;
  }

  /** One of many results, as they come (watch, follow). */
  line<T>(value: T, human: (value: T) => string): void {
    this.result(value, human);
  }

  /** A word to the person; never part of the result. */
  say(line: string): void {
    this.#clear();
    this.#io.stderr.write(`${line}\n`);
  }

  /** Progress: a line that is rewritten on a terminal; elsewhere a plain one now and then, where it changed. */
  progress(done: number, total: number, note: string): void {
    if (this.#io.stderr.isTTY !== true) {
      this.#tell(`${done}/${total} ${note}`);
      return;
    }
    const width = 24;
    const filled = total === 0 ? width : Math.round((done / total) * width);
    const bar = "█".repeat(filled) + "░".repeat(width - filled);
    const text = `${bar} ${done}/${total} ${note}`.slice(0, (this.#io.stderr.columns ?? 80) - 1);
    this.#io.stderr.write(`\r\x1b[2K${text}`);
    this.#bar = true;
  }

  /** What is over soon says nothing. */
  #tell(text: string): void {
    const now = performance.now();
    this.#told ??= { text: "", at: now };
    if (text === this.#told.text || now - this.#told.at < TELL_MS) return;
    this.#io.stderr.write(`${text}\n`);
    this.#told = { text, at: now };
  }

  /** An error as one line, or as JSON; more with --verbose. */
  error(error: AppError): void {
    this.#clear();
    const message = inFlags(error.message);
    // What was typed, or what others wrote, comes back in it.
    const shown = visible(message);
    if (this.json) {
      const { code, fields } = error;
      this.#io.stdout.write(`${JSON.stringify({ error: { code, message, fields } })}\n`);
    }
    this.#io.stderr.write(`aliquot: ${shown}\n`);
    // The message often holds them all already (settings), or the only one.
    const more = error.fields.filter(({ rule }) => !error.message.includes(rule)).length > 0;
    for (const field of more ? error.fields.slice(0, this.verbose ? 100 : 10) : []) {
      const place = field.line === undefined ? (field.path ?? "") : `line ${field.line}`;
      if (error.fields.length > 1)
        this.#io.stderr.write(`  ${visible(`${place}: ${inFlags(field.rule)}`)}\n`);
    }
    if (this.verbose && error.detail !== undefined) this.#io.stderr.write(`${visibleLines(error.detail)}\n`);
  }

  /** Asks before destruction. Throws AppError usage where nobody can answer. */
  async confirm(question: string, yes: boolean): Promise<boolean> {
    if (yes) return true;
    if (this.#io.stdin.isTTY !== true) {
      throw new AppError("usage", `${question} Say --yes to do it without a terminal.`);
    }
    const { createInterface } = await import("node:readline/promises");
    const reader = createInterface({ input: this.#io.stdin, output: this.#io.stderr });
    try {
      return /^y(es)?$/i.test((await reader.question(`${question} [y/N] `)).trim());
    } finally {
      reader.close();
    }
  }

  #clear(): void {
    if (!this.#bar) return;
    this.#io.stderr.write("\r\x1b[2K");
    this.#bar = false;
  }
}

/** Words in lines of at most `width` signs, those after the first one indented; a word is never cut. */
export function wrapped(text: string, indent: number, width: number, start = indent): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    const taken = lines.length === 1 ? start : indent;
    if (last !== undefined && taken + last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

/**
 * A table with aligned columns; numbers to the right. Empty: what `none` says. The words of the last column go on in
 * lines below where a `width` is given.
 */
export function table(
  headers: string[],
  rows: (string | number | null)[][],
  none = "nothing",
  width = Number.POSITIVE_INFINITY,
): string {
  if (rows.length === 0) return none;
  const cells = rows.map((row) => row.map((cell) => (cell === null ? "–" : visible(String(cell)))));
  const widths = headers.map((header, column) =>
    Math.max(header.length, ...cells.map((row) => [...(row[column] ?? "")].length)),
  );
  const right = headers.map((_, column) => rows.every((row) => isNumber(row[column])));
  const before = widths.slice(0, -1).reduce((sum, one) => sum + one + 2, 0);
  const line = (row: string[]) =>
    row
      .map((cell, column) => {
        if (column === headers.length - 1 && Number.isFinite(width)) return wrapped(cell, before, width);
        const gap = " ".repeat(Math.max(0, (widths[column] ?? 0) - [...cell].length));
        return right[column] ? gap + cell : cell + gap;
      })
      .join("  ")
      .trimEnd();
  return [line(headers), ...cells.map(line)].join("\n");
}

/** A number, as it is or as `fixed()` made it, or nothing. */
function isNumber(cell: string | number | null | undefined): boolean {
  return cell == null || typeof cell === "number" || /^-?\d+(\.\d+)?$/.test(cell);
}

/** Text of at most so many characters; what is longer ends with an ellipsis. */
export function short(text: string | null, most: number): string | null {
  const letters = [...(text ?? "")];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}

/** A time as people read it, with its zone: 2026-11-21 23:38:05Z. What is no date (infinity) stays as it is. */
export function time(text: string): string {
  return timeToMs(text).replace(/\.\d{3}Z$/, "Z");
}

/** The same to the millisecond, for what follows quickly one upon the other: 2026-11-21 23:38:05.123Z. */
export function timeToMs(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date.toISOString().replace("T", " ");
}

/** A number with fixed decimals for a table; null stays null. */
export function fixed(value: number | null | undefined, places: number): string | null {
  return value == null ? null : value.toFixed(places);
}
