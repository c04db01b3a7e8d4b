import type { EngineAtHand } from "../../../src/engines/adapter.ts";
import { newId } from "../../../src/ids.ts";
import { fakeEngine } from "../../support/engine.ts";

/**
 * Stands in for xtb where batches are computed: a program for each molecule, which runs for up to half a second. One in
 * eight of them is refused, the same one whenever it is asked.
 */
export function itemEngine(): EngineAtHand {
  const { adapter, install } = fakeEngine();
  const prepare: EngineAtHand["adapter"]["prepare"] = async (_services, _lend, task) => {
    const molecule_id = task.inputs[0]?.molecule_id ?? null;
    const [digit = "0", last = "0"] = (molecule_id ?? "").slice(-2);
    const refused = last === "0" || last === "1";
    const script = `: ${molecule_id}; sleep ${0.02 + Number.parseInt(digit, 16) / 32}; ${refused ? "exit 66" : "echo -0.5"}`;
    return { params: { script }, input: null, molecule_id, structure_id: newId() };
  };
  return { adapter: { ...adapter, prepare }, install };
}
