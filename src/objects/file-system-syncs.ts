import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { release } from "node:os";
import type { SyncAll } from "./syncs.ts";

/** A folder a line in, 0 or 1 a line out; ends with whoever asks, however that ends. */
const SCRIPT = `while IFS= read -r folder; do
  if sync --file-system "$folder" >/dev/null 2>&1; then echo 0; else echo 1; fi
done`;

/** Both ends are pipes, which Node opens as sockets. */
type Shell = ChildProcessByStdio<Socket, Socket, null>;
type Asked = PromiseWithResolvers<void>;

/**
 * Makes whole file systems durable by the program `sync`, as Node has no syncfs(2), asked of one small shell: to fork
 * a worker of 260 MB for each copies page tables for 17 ms, during which it does nothing else. Started by the first
 * that asks; who opens this closes it.
 */
export class FileSystemSyncs implements Disposable {
  #shell: Shell | undefined;
  #asked: Asked[] = [];

  /** Rejects where the file system can't be synced, or an error in writing may have been kept silent. */
  readonly sync: SyncAll = async (folder) => {
    if (!tellsErrors() || folder.includes("\n"))
      throw new Error("this file system can't be synced as a whole");
    const asked = Promise.withResolvers<void>();
    this.#shell ??= this.#start();
    this.#asked.push(asked);
    this.#shell.ref();
    this.#shell.stdout.ref();
    this.#shell.stdin.write(`${folder}\n`);
    return asked.promise;
  };

  [Symbol.dispose](): void {
    this.#shell?.stdin.end();
    this.#shell?.kill();
    this.#end();
  }

  /** In a group of its own: what stops this process from a keyboard lets it finish what it has. */
  #start(): Shell {
    const shell = spawn("sh", ["-c", SCRIPT], {
      detached: true,
      stdio: ["pipe", "pipe", "ignore"],
    }) as unknown as Shell;
    shell.stdout.setEncoding("latin1").on("data", (said: string) => this.#answer(said));
    for (const end of [shell.stdin, shell.stdout]) end.on("error", () => {});
    shell.once("error", () => this.#end(shell)).once("exit", () => this.#end(shell));
    this.#rest(shell);
    return shell;
  }

  #answer(said: string): void {
    for (const word of said.split("\n").filter((line) => line !== "")) {
      const asked = this.#asked.shift();
      if (word === "0") asked?.resolve();
      else asked?.reject(new Error("the file system could not be synced"));
    }
    if (this.#asked.length === 0 && this.#shell !== undefined) this.#rest(this.#shell);
  }

  /** A process with nothing else to do may end while its shell waits for more. */
  #rest(shell: Shell): void {
    shell.unref();
    shell.stdin.unref();
    shell.stdout.unref();
  }

  #end(shell = this.#shell): void {
    if (this.#shell !== shell) return;
    this.#shell = undefined;
    for (const asked of this.#asked.splice(0)) asked.reject(new Error("the shell that syncs has ended"));
  }
}

/** Since Linux 5.8 syncfs(2) tells of errors in writing; before, nobody hears of them. */
function tellsErrors(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return process.platform === "linux" && (major > 5 || (major === 5 && minor >= 8));
}
