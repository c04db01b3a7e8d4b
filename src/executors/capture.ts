import { randomUUID } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../errors.ts";

/** A file that has no name any more: gone with the last process that has it open, however that ends. */
export type Capture = Disposable & {
  /** For a child's standard output. */
  fd: number;
  size(): number;
  /** At most `most` bytes from its beginning. */
  text(most: number): string;
};

/**
 * Output that goes to disk and is read once: programs flush every line, and waking up for each of xtb's 2,300
 * lines cost 70 ms of our CPU beside 3 s of its own. Made beside a run's folder, whose files are the engine's.
 * Throws AppError store_unavailable where the disk says no.
 */
export function openCapture(folder: string): Capture {
  const fd = openNameless(join(folder, "..", `.output-${randomUUID()}`));
  return {
    fd,
    size: () => fstatSync(fd).size,
    text: (most) => {
      const bytes = Buffer.alloc(Math.min(most, fstatSync(fd).size));
      return bytes.toString("utf8", 0, readSync(fd, bytes, 0, bytes.length, 0));
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

function openNameless(path: string): number {
  try {
    const fd = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    return fd;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError("store_unavailable", `a run's output can't be kept (${why}): free space`, { cause });
  }
}
