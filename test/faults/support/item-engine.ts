import type { EngineAtHand } from "../../../src/engines/adapter.ts";
import { newId } from "../../../src/ids.ts";
import { fakeEngine } from "../../support/engine.ts";

/**
 * Stands in for xtb where batches are computed: a short program for each molecule. One in eight of them is refused, the
 * same one whenever it is asked.
 */
export function itemEngine(): EngineAtHand {
  const { adapter, install } = fakeEngine();
  const prepare: EngineAtHand["adapter"]["prepare"] = async (_services, _lend, task) => {
    const molecule_id = task.inputs[0]?.molecule_id ?? null;
    const refused = /[01]$/.test(molecule_id ?? "");
    const script = `: ${molecule_id}; sleep 0.02; ${refused ? "exit 66" : "echo -0.5"}`;
    return { params: { script }, input: null, molecule_id, structure_id: newId() };
  };
  return { adapter: { ...adapter, prepare }, install };
}
