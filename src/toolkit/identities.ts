import { matchesDrawing } from "./compare.ts";
import { type Identifier, identifyRecord } from "./identify.ts";
import type { Pool } from "./pool.ts";
import { loadRdkit, type Rdkit } from "./rdkit.ts";
import { quote, reject } from "./text.ts";
import type { Identified, MoleculeInput, Rejected } from "./toolkit.ts";

export type IdentityRequest =
  | { kind: "identify"; inputs: MoleculeInput[] }
  | { kind: "compare"; smiles: string; molblock: string };
export type IdentityReply =
  | { kind: "identified"; results: (Identified | Rejected)[] }
  | { kind: "compared"; same: boolean; found: string };
export type Identities = Pool<IdentityRequest, IdentityReply>;

/**
 * What the RDKit thread does. A trap ("memory access out of bounds") leaves an instance that throws for
 * ever: the record is rejected, the instance dropped, a new one loaded for the next record.
 */
export function openIdentifier(
  open: () => Promise<Rdkit> = loadRdkit,
): (request: IdentityRequest) => Promise<IdentityReply> {
  let current: Identifier | null = null;
  const load = async () => (current ??= { rdkit: await open(), counterIons: null });
  return async (request) => {
    if (request.kind === "compare") {
      const { rdkit } = await load();
      return { kind: "compared", ...matchesDrawing(rdkit, request.smiles, request.molblock) };
    }
    const results: (Identified | Rejected)[] = [];
    for (const input of request.inputs) {
      const identifier = await load();
      try {
        results.push(identifyRecord(identifier, input));
      } catch (error) {
        current = null;
        results.push(trapped(input, error));
      }
    }
    return { kind: "identified", results };
  };
}

function trapped(input: MoleculeInput, error: unknown): Rejected {
  // WebAssembly.RuntimeError out of bounds, or RangeError of the stack: both mean too large or too deep.
  const large = error instanceof Error && ["RuntimeError", "RangeError"].includes(error.name);
  if (large)
    return reject(
      "too_large",
      `the toolkit ran out of memory on ${quote(input.text)}: give a smaller molecule`,
    );
  const what = error instanceof Error ? error.message : String(error);
  return reject("unparsable_input", `the toolkit failed on ${quote(input.text)}: ${quote(what)}`);
}
