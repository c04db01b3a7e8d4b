import type { PipelineSpec } from "./schema.ts";

type Tasks = Pick<PipelineSpec, "tasks">;

/** Tasks that each task waits for directly, by name. */
export function dependsOn({ tasks }: Tasks): Map<string, string[]> {
  return new Map(Object.entries(tasks).map(([name, { after }]) => [name, [...new Set(after)]]));
}

/** Tasks that wait for a task directly. */
export function dependants(spec: Tasks, taskName: string): string[] {
  return [...dependsOn(spec)].flatMap(([name, before]) => (before.includes(taskName) ? [name] : []));
}

/** All tasks that come before a task, directly or through others. */
export function ancestors(graph: ReadonlyMap<string, readonly string[]>, taskName: string): Set<string> {
  const seen = new Set<string>();
  const open = [...(graph.get(taskName) ?? [])];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    open.push(...(graph.get(name) ?? []));
  }
  return seen;
}

/**
 * Tasks in an order in which each comes after all that it waits for, otherwise as they were written. Tasks in a
 * circle, and those behind them, are left out.
 */
export function inOrder(spec: Tasks): string[] {
  const graph = dependsOn(spec);
  const done = new Set<string>();
  for (let moved = true; moved; ) {
    moved = false;
    for (const [name, before] of graph)
      if (!done.has(name) && before.every((one) => done.has(one) || !graph.has(one))) {
        done.add(name);
        moved = true;
      }
  }
  return [...done];
}

/** Circles of tasks that wait for one another, each once, as a → b → a from its first task in writing. */
export function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (name: string, way: string[]): void => {
    if (done.has(name)) return;
    const from = way.indexOf(name);
    if (from >= 0) {
      found.push([...way.slice(from), name]);
      return;
    }
    for (const before of graph.get(name) ?? []) visit(before, [...way, name]);
    done.add(name);
  };
  for (const name of graph.keys()) visit(name, []);
  return found;
}
