import type { HistidineState } from "./templates.ts";

/**
 * What a person may choose. Chains by letter (`_` for a blank one), default all with protein; waters to keep
 * as `201` or `A:201`; states of histidines by the same places; hets that may be left out though they hold a
 * metal, or ATOM residues that are no part of a chain, as `ZN` or `ZN:A:301`.
 */
export type ReceptorOptions = {
  chains?: string[];
  keep_waters?: string[];
  histidines?: Record<string, HistidineState>;
  /** Of histidines that neither their name nor their hydrogens in the file decide: HIE (on NE2) unless said. */
  default_histidine?: HistidineState;
  drop_hets?: string[];
};
