import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { AppError } from "../errors.ts";
import type { Io } from "./out.ts";

/** A line that a person types; empty where nobody is there. */
export async function askText(io: Io, question: string): Promise<string> {
  if (io.stdin.isTTY !== true) return "";
  const reader = createInterface({ input: io.stdin, output: io.stderr });
  try {
    return (await reader.question(question)).trim();
  } finally {
    reader.close();
  }
}

/** A secret: typed without an echo where a person is there, else the first line of standard input. */
export async function askPassword(io: Io, question: string): Promise<string> {
  const [secret = ""] = await askSecrets(io, [question]);
  return secret;
}

/** Several secrets, one after the other: typed, else a line each of standard input; empty where there is none. */
export async function askSecrets(io: Io, questions: string[]): Promise<string[]> {
  if (io.stdin.isTTY !== true) return firstLines(io.stdin, questions.length);
  const typed: string[] = [];
  for (const question of questions) typed.push(await askUnseen(io, question));
  return typed;
}

async function askUnseen(io: Io, question: string): Promise<string> {
  io.stderr.write(question);
  // Somebody who looks sees nothing, not even how long it is.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: io.stdin, output: silent, terminal: true });
  const interrupted = new AbortController();
  reader.once("SIGINT", () => interrupted.abort());
  try {
    return await reader.question("", { signal: interrupted.signal });
  } catch (cause) {
    throw new AppError("usage", "no password was given", { cause });
  } finally {
    reader.close();
    io.stderr.write("\n");
  }
}

const MOST_BYTES = 10_000;

async function firstLines(stream: NodeJS.ReadableStream, count: number): Promise<string[]> {
  let text = "";
  for await (const part of stream) {
    text += part.toString();
    if (text.split("\n").length > count || text.length > MOST_BYTES) break;
  }
  const lines = text.split("\n");
  return Array.from({ length: count }, (_, at) => (lines[at] ?? "").replace(/\r$/, ""));
}
