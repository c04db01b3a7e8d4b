import { createInterface } from "node:readline";
import { AppError, toAppError } from "../errors.ts";
import type { ShellSession } from "../shell/session.ts";
import { isBlank, refuseUnfit, splitSql } from "../shell/split.ts";
import { describeRelation, LIST_RELATIONS } from "../shell/store.ts";
import { printed } from "./shell-print.ts";

export type ReaderIo = {
  input: NodeJS.ReadableStream;
  output: NodeJS.WritableStream;
  /** Whether lines can be edited, and the prompt is worth showing. */
  terminal: boolean;
  /** Name of the database in the prompt. */
  name: string;
};

const HELP = `SQL runs when it ends with ; and each statement is a transaction of its own.
  \\d          tables, views and sequences
  \\d TABLE    columns of one
  \\timing     how long statements take: on, off
  \\?          this
  \\q          leave, as Ctrl-D does; Ctrl-C clears the line, or stops what runs`;

/**
 * Reads SQL from a stream until it ends or \q, and writes what the session answers. An error is a line and
 * ends nothing but the statement. Resolves when everything that was read has been answered.
 */
export async function readLoop(
  session: ShellSession,
  { input, output, terminal, name }: ReaderIo,
): Promise<void> {
  const reader = createInterface({
    input,
    output,
    terminal,
    historySize: 500,
    removeHistoryDuplicates: true,
  });
  const say = (text: string) => void output.write(`${text}\n`);
  let buffer = "";
  let timing = false;
  let running = false;
  const prompt = () => {
    reader.setPrompt(`${name}${isBlank(buffer) ? "=>" : "->"} `);
    if (terminal) reader.prompt();
  };
  const answer = async (statement: string) => {
    const began = performance.now();
    running = true;
    try {
      for (const result of await session.run([statement])) say(printed(result));
    } catch (error) {
      tellError(error, say);
    } finally {
      running = false;
    }
    if (timing) say(`${(performance.now() - began).toFixed(1)} ms`);
  };
  reader.on("SIGINT", () => {
    if (running) {
      session.cancel().catch((error: unknown) => tellError(error, say));
      return;
    }
    buffer = "";
    output.write("\n");
    // Leaves the line that is being edited, so that its text is not read with the next one.
    reader.write(null, { ctrl: true, name: "e" });
    reader.write(null, { ctrl: true, name: "u" });
    prompt();
  });
  prompt();
  for await (const line of reader) {
    const word = line.trim();
    if (isBlank(buffer) && word.startsWith("\\")) {
      if (word === "\\q") break;
      const [command = "", ...rest] = word.split(/\s+/);
      const target = rest.join(" ").replace(/;$/, "");
      if (command === "\\?") say(HELP);
      else if (command === "\\timing") {
        timing = target === "" ? !timing : target === "on";
        say(`timing is ${timing ? "on" : "off"}`);
      } else if (command === "\\d") await answer(target === "" ? LIST_RELATIONS : describeRelation(target));
      else say(`there is no command ${command} here: \\? lists them`);
      prompt();
      continue;
    }
    const { statements, rest } = splitSql(`${buffer}${line}\n`);
    buffer = rest;
    for (const statement of statements) {
      try {
        refuseUnfit(statement);
      } catch (error) {
        tellError(error, say);
        continue;
      }
      await answer(statement);
    }
    prompt();
  }
  if (!isBlank(buffer)) say("the last statement has no ; at its end and did not run");
  reader.close();
}

function tellError(error: unknown, say: (text: string) => void): void {
  const known = error instanceof AppError ? error : toAppError(error);
  say(known.message);
  // Hints are worth a line here: the person is about to write the next statement.
  if (error instanceof AppError && known.detail !== undefined) say(known.detail);
}
