import type { FieldError } from "../errors.ts";
import type { Seeds } from "./schema.ts";

/** Roles that code gives by name: owner to who makes an organization, owner and admin see private rows. */
const NEEDED_ROLES = ["owner", "admin", "scientist", "viewer", "service"];

/**
 * What no schema of a single file can say: nothing twice, every name that one file takes from another is
 * there, and each pipeline's tasks wait only for tasks of its own, without a circle. Pure; answers every
 * problem with file and place.
 */
export function seedProblems(seeds: Seeds): FieldError[] {
  return [
    ...twice("roles", seeds.roles, ({ name }) => name),
    ...twice("task_definitions", seeds.task_definitions, ({ name, version }) => `${name} ${version}`),
    ...twice("task_services", seeds.task_services, ({ name }) => name),
    ...twice("pipeline_templates", seeds.pipeline_templates, ({ name }) => name),
    ...twice("sample_molecules", seeds.sample_molecules, ({ name }) => name),
    ...twice("sample_molecules", seeds.sample_molecules, ({ inchikey }) => inchikey),
    ...NEEDED_ROLES.filter((name) => !seeds.roles.some((role) => role.name === name)).map((name) => ({
      path: "seeds/roles.json",
      rule: `must have the role ${name}, which the program gives by name`,
    })),
    ...seeds.pipeline_templates.flatMap((_, index) => templateProblems(seeds, index)),
  ];
}

function twice<T>(file: string, items: readonly T[], keyOf: (item: T) => string): FieldError[] {
  const keys = items.map((item) => keyOf(item).toLowerCase());
  return items.flatMap((item, index) => {
    const first = keys.indexOf(keys[index] ?? "");
    if (first === index) return [];
    return [{ path: `seeds/${file}.json/${index}`, rule: `is ${keyOf(item)} again: entry ${first} has it` }];
  });
}

function templateProblems(seeds: Seeds, index: number): FieldError[] {
  const template = seeds.pipeline_templates[index];
  if (template === undefined) return [];
  const { version, spec } = template;
  const at = `seeds/pipeline_templates.json/${index}/spec`;
  const problems: FieldError[] = [];
  if (spec.version !== version)
    problems.push({ path: `${at}/version`, rule: `must be ${version}, as its version is` });
  if (Object.keys(spec.tasks).length === 0) problems.push({ path: `${at}/tasks`, rule: "must have a task" });
  for (const [name, task] of Object.entries(spec.tasks)) {
    const path = `${at}/tasks/${name}`;
    const known = seeds.task_definitions.some(
      (one) => one.name === task.task && one.version === task.task_version,
    );
    if (!known)
      problems.push({
        path: `${path}/task`,
        rule: `names ${task.task} version ${task.task_version}, which is not in seeds/task_definitions.json`,
      });
    if (!seeds.task_services.some((one) => one.name === task.engine))
      problems.push({
        path: `${path}/engine`,
        rule: `names ${task.engine}, which is not in seeds/task_services.json`,
      });
    for (const before of task.after.filter((one) => !Object.hasOwn(spec.tasks, one)))
      problems.push({
        path: `${path}/after`,
        rule: `waits for ${before}, which is no task of this pipeline`,
      });
  }
  const stuck = circle(spec.tasks);
  if (stuck.length > 0)
    problems.push({ path: `${at}/tasks`, rule: `has tasks that wait for one another: ${stuck.join(", ")}` });
  return problems;
}

/** Tasks that could never start, though everything that they name is there. */
function circle(tasks: Record<string, { after: string[] }>): string[] {
  const done = new Set<string>();
  const waiting = new Map(Object.entries(tasks));
  for (let moved = true; moved; ) {
    moved = false;
    for (const [name, { after }] of waiting)
      if (after.every((one) => done.has(one) || !Object.hasOwn(tasks, one))) {
        done.add(name);
        waiting.delete(name);
        moved = true;
      }
  }
  return [...waiting.keys()];
}
