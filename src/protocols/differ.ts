import type { Protocol } from "./schema.ts";

type Told = Pick<Protocol, "task" | "program" | "params">;
type Params = Record<string, unknown>;

/**
 * By what each of these protocols can be told from the others, beside its task and program: parameters other than the
 * program's defaults, and of those that have none the ones that are not the same in all of its task. `task` is shown anyway.
 */
export function differences<P extends Told>(
  protocols: readonly P[],
  defaultsOf: (program: string) => Readonly<Params>,
): Map<P, Params> {
  const byTask = Map.groupBy(protocols, ({ task, program }) => `${program} ${task}`);
  return new Map(
    protocols.map((protocol) => {
      const { program, task, params } = protocol;
      const like = byTask.get(`${program} ${task}`) ?? [];
      const defaults = defaultsOf(program);
      const isTold = (name: string) =>
        name !== "task" &&
        (Object.hasOwn(defaults, name)
          ? !isSame((params as Params)[name], defaults[name])
          : like.some((other) => !isSame((params as Params)[name], (other.params as Params)[name])));
      const told = Object.entries(params as Params).filter(([name]) => isTold(name));
      return [protocol, Object.fromEntries(told)];
    }),
  );
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
