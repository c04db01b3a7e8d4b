import type { FieldError } from "../errors.ts";
import { validateSpec } from "../pipelines/validate.ts";
import { definitionsOf, type Seeds } from "./schema.ts";

/** Roles that code gives by name: owner to who makes an organization, owner and admin see private rows. */
const NEEDED_ROLES = ["owner", "admin", "scientist", "viewer", "service"];

/**
 * What no schema of a single file can say: nothing twice, every name that one file takes from another is
 * there, and each template is a graph that a pipeline may be made of. Pure; answers every problem with file and
 * place.
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
  for (const [name, task] of Object.entries(spec.tasks))
    if (!seeds.task_services.some((one) => one.name === task.engine))
      problems.push({
        path: `${at}/tasks/${name}/engine`,
        rule: `names ${task.engine}, which is not in seeds/task_services.json`,
      });
  const faults = validateSpec(spec, definitionsOf(seeds));
  return [...problems, ...faults.map(({ path, rule }) => ({ path: path === "/" ? at : at + path, rule }))];
}
