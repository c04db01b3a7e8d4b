import type { Command } from "commander";
import type { Cli } from "./cli.ts";

/** A command's module: adds itself, with its options and actions, to the program. */
export type CommandModule = { register(program: Command, cli: Cli): void };

export type CommandEntry = { name: string; summary: string; load: () => Promise<CommandModule> };

/** One line a command; nothing of a command is loaded before it is used. */
export const COMMANDS: CommandEntry[] = [
  {
    name: "up",
    summary: "start everything: database, migrations, seed, relay, workers",
    load: () => import("./up.ts"),
  },
  { name: "down", summary: "stop every process of this home", load: () => import("./down.ts") },
  { name: "status", summary: "what runs, and where", load: () => import("./status.ts") },
  {
    name: "demo",
    summary: "dock eight ligands and optimise twenty molecules, in an organization called demo",
    load: () => import("./demo.ts"),
  },
  {
    name: "doctor",
    summary: "what is installed, and how to get what is not",
    load: () => import("./doctor.ts"),
  },
  { name: "health", summary: "whether everything works", load: () => import("./health.ts") },
  { name: "worker", summary: "run tasks until told to stop", load: () => import("./worker.ts") },
  {
    name: "org",
    summary: "organizations: create, use, list, show, settings, suspend, resume, delete, reindex, discover",
    load: () => import("./org.ts"),
  },
  { name: "molecule", summary: "molecules: add, import, list, show", load: () => import("./molecule.ts") },
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
    summary: "jobs: submit, list, show, watch, logs, cancel, retry",
    load: () => import("./job.ts"),
  },
  {
    name: "events",
    summary: "what happened: calculations, batches, molecules, errors",
    load: () => import("./events.ts"),
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
  { name: "query", summary: "ask questions of the results", load: () => import("./query.ts") },
  {
    name: "migrate",
    summary: "schemas: up, down, status, history, test, new",
    load: () => import("./migrate.ts"),
  },
  { name: "docs", summary: "the schema reference", load: () => import("./docs.ts") },
  { name: "seed", summary: "put in what the system itself needs", load: () => import("./seed.ts") },
  { name: "shell", summary: "SQL in an organization's database", load: () => import("./shell.ts") },
];
