import { access, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "../../support/context.ts";
import { until } from "../../support/worker.ts";

/** A program that says that it runs, and ends when its gate is opened. */
export type Gated = {
  script: string;
  /** The program's process, once it runs. */
  pid(): Promise<number>;
  open(): Promise<void>;
};

let serial = 0;

/** The first run of it waits at the gate and answers −1; any other run answers −2 at once. */
export function gated(context: TestContext): Gated {
  const name = join(context.home, `gate-${++serial}`);
  const script = `if mkdir ${name} 2>/dev/null; then echo $$ > ${name}/pid.new; mv ${name}/pid.new ${name}/pid
    while [ ! -e ${name}/open ]; do sleep 0.02; done; echo -1; else echo -2; fi`;
  return {
    script,
    pid: () =>
      until("the program to run", async () => {
        const text = await readFile(join(name, "pid"), "utf8").catch(() => "");
        return text !== "" && Number(text);
      }),
    open: () => writeFile(join(name, "open"), ""),
  };
}

/** Waits until a process is gone; a zombie is. */
export async function gone(pid: number): Promise<void> {
  await until(`process ${pid} to end`, async () => {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
    return stat === "" || /\) [ZX] /.test(stat);
  });
}

/** Living processes that work below a folder, by pid. */
export async function working(folder: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const places = await Promise.all(
    pids.map(async (pid) => {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => "");
      const stat = cwd.startsWith(folder)
        ? await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "")
        : "";
      return stat !== "" && !/\) [ZX] /.test(stat) ? Number(pid) : undefined;
    }),
  );
  return places.filter((pid) => pid !== undefined);
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
