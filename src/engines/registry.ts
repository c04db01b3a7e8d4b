import type { Config } from "../config.ts";
import type { EngineAtHand } from "./adapter.ts";
import type { EngineName, EngineProbe } from "./engine.ts";
import { vinaEngine } from "./vina/adapter.ts";
import { xtbEngine } from "./xtb/adapter.ts";

/** One line an engine; no other list of them exists. */
const ENGINES = {
  xtb: (config: Config) => ({
    adapter: xtbEngine,
    settings: { ...config.xtb, search_path: config.search_path },
  }),
  vina: (config: Config) => ({
    adapter: vinaEngine,
    settings: { ...config.vina, search_path: config.search_path },
  }),
} as const satisfies Record<EngineName, unknown>;

export const ENGINE_NAMES = Object.keys(ENGINES) as EngineName[];

export type FoundEngines = { engines: Map<string, EngineAtHand>; probes: EngineProbe[] };

/** Looks for every engine on this machine. Costs one start of each program. */
export async function findEngines(config: Config): Promise<FoundEngines> {
  const engines = new Map<string, EngineAtHand>();
  const probes: EngineProbe[] = [];
  for (const name of ENGINE_NAMES) {
    const { adapter, settings } = ENGINES[name](config);
    const probe = await adapter.probe(settings);
    probes.push(probe);
    // The worker passes an engine's values only back to it, so their types are its own business.
    if (probe.found)
      engines.set(name, { adapter: adapter as unknown as EngineAtHand["adapter"], install: probe.install });
  }
  return { engines, probes };
}
