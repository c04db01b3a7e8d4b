import { createHash, randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { AppError } from "../errors.ts";
import type { FileAnswer } from "../files/schema.ts";

type Bytes = Pick<FileAnswer, "bytes" | "checksum">;

/** Each piece as it comes. Throws AppError store_unavailable where all of them are not what was promised. */
export async function passOn(file: Bytes, take: (piece: Uint8Array) => Promise<unknown>): Promise<void> {
  const hash = createHash("sha256");
  for await (const piece of file.bytes) {
    hash.update(piece);
    await take(piece);
  }
  if (`sha256:${hash.digest("hex")}` !== file.checksum)
    throw new AppError("store_unavailable", "the bytes that came are not those of this file: ask again");
}

/**
 * Written aside and renamed: there is the whole file, or none, also where a signal ends this process. Throws AppError
 * bad_input where it can't be written, store_unavailable.
 */
export async function writeWhole(to: string, file: Bytes): Promise<void> {
  const aside = `${to}.${randomUUID()}.part`;
  using _swept = sweptOnSignal(aside);
  try {
    await using handle = await open(aside, "wx");
    await passOn(file, (piece) => handle.writeFile(piece));
    await handle.sync();
    await rename(aside, to);
  } catch (cause) {
    await rm(aside, { force: true }).catch(() => {});
    const { code } = cause as NodeJS.ErrnoException;
    if (cause instanceof AppError || code === undefined) throw cause;
    throw new AppError("bad_input", `can't write ${to}: ${code}`, { cause });
  }
}

/** Removes a file when a signal ends this process, which ends as it would have without us. */
function sweptOnSignal(path: string): Disposable {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const release = () => {
    for (const name of signals) process.off(name, end);
  };
  const end = (name: NodeJS.Signals) => {
    release();
    rmSync(path, { force: true });
    process.kill(process.pid, name);
  };
  for (const name of signals) process.on(name, end);
  return { [Symbol.dispose]: release };
}
