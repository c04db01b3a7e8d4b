import { type ChildProcess, spawn } from "node:child_process";
import { statSync } from "node:fs";
import type { Socket } from "node:net";
import { release } from "node:os";
import type { SyncAll } from "./syncs.ts";

/** A folder a line in, 0 or 1 a line out; ends with whoever asks, however that ends. */
const SCRIPT = `while IFS= read -r folder; do
  if sync --file-system "$folder" >/dev/null 2>&1; then echo 0; else echo 1; fi
done`;

/** Both ends are pipes, which Node opens as sockets. */
type Shell = { child: ChildProcess; stdin: Socket; stdout: Socket };
type Asked = { folder: string; device: number; settle: PromiseWithResolvers<void> };

/**
 * Makes whole file systems durable by the program `sync`, as Node has no syncfs(2), asked of one small shell: to fork
 * a worker of 260 MB for each copies page tables for 17 ms, during which it does nothing else. What is asked of one
 * file system while it is being synced shares the next sync. The first that asks starts the shell; who opens this
 * closes it.
 */
export class FileSystemSyncs implements Disposable {
  #shell: Shell | undefined;
  #waiting: Asked[] = [];
  #syncing: Asked[] = [];

  /** Rejects where the file system can't be synced, or an error in writing may have been kept silent. */
  readonly sync: SyncAll = async (folder) => {
    if (!tellsErrors() || folder.includes("\n"))
      throw new Error("this file system can't be synced as a whole");
    const { dev: device } = statSync(folder);
    const settle = Promise.withResolvers<void>();
    this.#waiting.push({ folder, device, settle });
    this.#next();
    return settle.promise;
  };

  [Symbol.dispose](): void {
    this.#shell?.stdin.end();
    this.#shell?.child.kill();
    this.#end(this.#shell);
  }

  #next(): void {
    if (this.#syncing.length > 0) return;
    const [first] = this.#waiting;
    if (first === undefined) this.#rest();
    else this.#ask(first);
  }

  #ask(first: Asked): void {
    this.#syncing = this.#waiting.filter(({ device }) => device === first.device);
    this.#waiting = this.#waiting.filter(({ device }) => device !== first.device);
    try {
      this.#shell ??= this.#start();
    } catch (error) {
      for (const { settle } of this.#syncing.splice(0)) settle.reject(error);
      this.#next();
      return;
    }
    this.#shell.child.ref();
    this.#shell.stdout.ref();
    this.#shell.stdin.write(`${first.folder}\n`);
  }

  /** In a group of its own: what stops this process from a keyboard lets it finish what it has. */
  #start(): Shell {
    const child = spawn("sh", ["-c", SCRIPT], { detached: true, stdio: ["pipe", "pipe", "ignore"] });
    // Before anything else: without a descriptor left there is no pipe, and the error comes later.
    child.on("error", () => {});
    const [stdin, stdout] = [child.stdin as Socket | undefined, child.stdout as Socket | undefined];
    if (child.pid === undefined || stdin === undefined || stdout === undefined)
      throw new Error("no shell that syncs could be started");
    const shell = { child, stdin, stdout };
    stdout.setEncoding("latin1").on("data", (said: string) => this.#answer(shell, said.includes("0")));
    for (const end of [stdin, stdout]) end.on("error", () => {});
    child.once("exit", () => this.#end(shell));
    return shell;
  }

  /** It is asked one thing at a time, so whatever it says is about that. */
  #answer(shell: Shell, isDone: boolean): void {
    if (this.#shell !== shell) return;
    for (const { settle } of this.#syncing.splice(0)) {
      if (isDone) settle.resolve();
      else settle.reject(new Error("the file system could not be synced"));
    }
    this.#next();
  }

  /** A process with nothing else to do may end while its shell waits for more. */
  #rest(): void {
    this.#shell?.child.unref();
    this.#shell?.stdin.unref();
    this.#shell?.stdout.unref();
  }

  #end(shell: Shell | undefined): void {
    if (this.#shell !== shell) return;
    this.#shell = undefined;
    for (const { settle } of [...this.#syncing.splice(0), ...this.#waiting.splice(0)])
      settle.reject(new Error("the shell that syncs has ended"));
  }
}

/** Since Linux 5.8 syncfs(2) tells of errors in writing; before, nobody hears of them. */
function tellsErrors(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return process.platform === "linux" && (major > 5 || (major === 5 && minor >= 8));
}
