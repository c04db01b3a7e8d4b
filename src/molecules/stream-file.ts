import { createReadStream } from "node:fs";
import { AppError, unreadable } from "../errors.ts";
import { isSdf, refuseOtherFormats, sdfRecords, smilesRecords } from "./read-file.ts";
import type { MoleculeRecord } from "./schema.ts";

/** A record that is longer is none. */
const MOST_CHARACTERS = 4 * 1024 * 1024;

/**
 * Records of a molecule file as `readMoleculeFile` reads it, one after the other and of any length. Throws
 * AppError bad_input: unreadable, not UTF-8, a record without end, no record at all.
 */
export async function* streamMoleculeFile(path: string): AsyncGenerator<MoleculeRecord> {
  let isEmpty = true;
  for await (const record of recordsOf(path)) {
    isEmpty = false;
    yield record;
  }
  if (isEmpty) throw new AppError("bad_input", `${path} holds no record`);
}

async function* recordsOf(path: string): AsyncGenerator<MoleculeRecord> {
  refuseOtherFormats(path);
  const lines = linesOf(path);
  if (!isSdf(path)) {
    let number = 0;
    for await (const some of lines)
      for (const text of some) {
        number++;
        for (const record of smilesRecords(text)) yield { ...record, line: number };
      }
    return;
  }
  let [open, count] = ["", 0];
  for await (const some of lines)
    for (const text of some) {
      open += `${text}\n`;
      if (open.length > MOST_CHARACTERS) throw endless(path);
      if (!text.startsWith("$$$$")) continue;
      for (const record of sdfRecords(open)) yield { ...record, line: ++count };
      open = "";
    }
  if (open.trim() !== "") for (const record of sdfRecords(open)) yield { ...record, line: ++count };
}

/** Lines as they are read: some at once, because a promise a line costs more than the line. */
async function* linesOf(path: string): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: 64 * 1024 })) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > MOST_CHARACTERS) throw endless(path);
      yield lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
    }
    rest += decoder.decode();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA")
      throw new AppError("bad_input", `${path} is not UTF-8 text`, { cause });
    throw unreadable(path, cause);
  }
  if (rest !== "") yield [rest];
}

function endless(path: string): AppError {
  return new AppError("bad_input", `${path} holds a record of more than ${MOST_CHARACTERS} characters`, {
    code: "too_large",
  });
}

/** Portions of at most `size`, as they come. */
export async function* portionsOf<T>(
  items: AsyncIterable<T> | Iterable<T>,
  size: number,
): AsyncGenerator<T[]> {
  let open: T[] = [];
  for await (const item of items) {
    open.push(item);
    if (open.length < size) continue;
    yield open;
    open = [];
  }
  if (open.length > 0) yield open;
}
