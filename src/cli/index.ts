import type { Command } from "commander";
import type { Cli } from "./cli.ts";

/** A command's module: adds itself, with its options and actions, to the program. */
export type CommandModule = { register(program: Command, cli: Cli): void };

/**
 * A command. Where an API is asked (ALIQUOT_URL), one that works on the server's own machine says so and does nothing:
 * `here` is true where all of it does, else the second words that do.
 */
export type CommandEntry = {
  name: string;
  summary: string;
  load: () => Promise<CommandModule>;
  here?: true | readonly string[];
};

/** One line a command; nothing of a command is loaded before it is used. */
export const COMMANDS: CommandEntry[] = [
  {
    name: "up",
    summary: "start everything: database, migrations, seed, relay, API, workers",
    load: () => import("./up.ts"),
    here: true,
  },
  { name: "down", summary: "stop every process of this home", load: () => import("./down.ts"), here: true },
  { name: "status", summary: "what runs, and where", load: () => import("./status.ts"), here: true },
  {
    name: "demo",
    summary: "dock eight ligands and optimise twenty molecules, in an organization called demo",
    load: () => import("./demo.ts"),
    here: true,
  },
  {
    name: "doctor",
    summary: "what is installed, and how to get what is not",
    load: () => import("./doctor.ts"),
    here: true,
  },
  { name: "health", summary: "whether everything works", load: () => import("./health.ts"), here: true },
  {
    name: "serve",
    summary: "the API alone, until told to stop",
    load: () => import("./serve.ts"),
    here: true,
  },
  {
    name: "worker",
    summary: "run tasks until told to stop; look after those that do: list, drain, lanes",
    load: () => import("./worker.ts"),
    here: true,
  },
  {
    name: "org",
    summary:
      "organizations: create, use, list, show, settings, suspend, resume, delete, reindex, rotate-credentials, discover",
    load: () => import("./org.ts"),
    here: ["reindex", "rotate-credentials", "discover"],
  },
  { name: "login", summary: "sign in to an API (ALIQUOT_URL)", load: () => import("./login.ts") },
  { name: "logout", summary: "end a session at an API", load: () => import("./logout.ts") },
  { name: "whoami", summary: "who acts, where, and what they may do", load: () => import("./whoami.ts") },
  { name: "key", summary: "API keys of programs: create, list, revoke", load: () => import("./key.ts") },
  {
    name: "user",
    summary: "accounts: create, list, show, disable, enable, reset, password, erase, export",
    load: () => import("./user.ts"),
  },
  {
    name: "member",
    summary: "people of an organization: list, show, add, roles, remove, invite, invitations, revoke, accept",
    load: () => import("./member.ts"),
  },
  {
    name: "role",
    summary: "what members may do: list, show, create, update, delete",
    load: () => import("./role.ts"),
  },
  {
    name: "molecule",
    summary: "molecules: add, import, list, show, delete",
    load: () => import("./molecule.ts"),
  },
  { name: "structure", summary: "coordinates: add, list, show", load: () => import("./structure.ts") },
  {
    name: "receptor",
    summary: "proteins prepared for docking: prepare, list, show",
    load: () => import("./receptor.ts"),
  },
  {
    name: "site",
    summary: "places to dock at: create, list, show, validate",
    load: () => import("./site.ts"),
  },
  { name: "dock", summary: "dock molecules with AutoDock Vina", load: () => import("./dock.ts") },
  { name: "xtb", summary: "quantum chemistry of molecules and structures", load: () => import("./xtb.ts") },
  {
    name: "job",
    summary: "jobs: submit, list, show, watch, logs, files, cancel, retry",
    load: () => import("./job.ts"),
  },
  {
    name: "events",
    summary: "what happened: calculations, batches, molecules, errors",
    load: () => import("./events.ts"),
  },
  {
    name: "audit",
    summary: "who did what, and whether the log is as it was written: list, verify",
    load: () => import("./audit.ts"),
  },
  {
    name: "cache",
    summary: "results that answer again: stats, explain, prune",
    load: () => import("./cache.ts"),
  },
  {
    name: "protocol",
    summary: "what makes numbers comparable: list, show",
    load: () => import("./protocol.ts"),
  },
  {
    name: "pipeline",
    summary: "graphs of tasks: list, show, create, validate, publish, run",
    load: () => import("./pipeline.ts"),
  },
  {
    name: "batch",
    summary:
      "many jobs from one request: create, list, show, watch, items, seal, pause, resume, cancel, retry",
    load: () => import("./batch.ts"),
  },
  {
    name: "failures",
    summary: "what failed, by reason, and how to run it again",
    load: () => import("./failures.ts"),
  },
  {
    name: "query",
    summary: "ask questions of the results: calculations, docking",
    load: () => import("./query.ts"),
  },
  {
    name: "migrate",
    summary: "schemas: up, down, status, history, test, new",
    load: () => import("./migrate.ts"),
    here: true,
  },
  { name: "docs", summary: "the schema reference", load: () => import("./docs.ts"), here: true },
  {
    name: "seed",
    summary: "put in what the system itself needs",
    load: () => import("./seed.ts"),
    here: true,
  },
  {
    name: "shell",
    summary: "SQL in an organization's database",
    load: () => import("./shell.ts"),
    here: true,
  },
];
