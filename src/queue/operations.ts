import { Type } from "typebox";
import { ENGINE_NAMES } from "../engines/registry.ts";
import { closed, count, wholeList, word } from "../fields.ts";
import { operation } from "../operation.ts";
import { countWorkers } from "./workers-store.ts";

export const listEngines = operation({
  name: "engine.list",
  summary: "Engines, and how many live workers have each",
  permission: "jobs:read",
  http: { method: "GET", path: "/engines" },
  // Workers are the machinery's, and no member's to see: only how many there are is told.
  tx: "own",
  input: closed({}),
  output: wholeList(
    Type.Object({
      engine: word(ENGINE_NAMES, "The engine."),
      workers: count("Live workers that have it and take tasks; none: its tasks wait."),
    }),
    "Every engine that this program knows.",
  ),
  async run({ services }) {
    const items: { engine: (typeof ENGINE_NAMES)[number]; workers: number }[] = [];
    for (const engine of ENGINE_NAMES)
      items.push({ engine, workers: await countWorkers(services.metadata, engine) });
    return { items, next_cursor: null };
  },
});
