import { decimal, signatureOf } from "../../canonical.ts";
import type { VinaResult } from "./schema.ts";

/**
 * SHA-256 of what the same search must find again: every pose's score and terms as Vina prints them. One thread and
 * one seed give the same digits each time.
 */
export function vinaResultHash({ outcome, poses }: Pick<VinaResult, "outcome" | "poses">): string {
  return signatureOf({
    outcome,
    poses: poses.map((pose) => [
      decimal(pose.affinity_reported_kcal_mol, 1),
      decimal(pose.inter_kcal_mol, 2),
      decimal(pose.intra_kcal_mol, 2),
    ]),
  });
}
