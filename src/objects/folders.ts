import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Syncs } from "./syncs.ts";

/** Makes folders durable, once each. */
export class Folders {
  readonly #durable = new Set<string>();

  /**
   * The folder and those above it, up to `root`, are there and will be after a crash. Whoever made them may have died
   * before that, so it is believed only of what this process has synced itself.
   */
  async make(folder: string, root: string, syncs: Syncs): Promise<void> {
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    const top = made === undefined || made.length > root.length ? root : dirname(made);
    for (let at = dirname(folder); at.length >= top.length; at = dirname(at)) await syncs.names(at);
    this.#durable.add(folder);
  }

  isDurable(folder: string): boolean {
    return this.#durable.has(folder);
  }

  /** Folders below this one were removed, or may have been. */
  forget(above: string): void {
    for (const folder of this.#durable) if (folder.startsWith(above)) this.#durable.delete(folder);
  }
}
