import { readAromatic } from "./aromatic.ts";
import { type Comparison, matchesDrawing } from "./compare.ts";
import { type Identifier, identifyRecord } from "./identify.ts";
import { listIsomers } from "./isomers.ts";
import type { Pool } from "./pool.ts";
import { loadRdkit, type Rdkit } from "./rdkit.ts";
import { quote, reject } from "./text.ts";
import type { Identified, Isomers, MoleculeInput, NotEnumerated, Rejected } from "./toolkit.ts";

export type IdentityRequest =
  | { kind: "identify"; inputs: MoleculeInput[] }
  | { kind: "compare"; smiles: string; molblock: string }
  | { kind: "isomers"; smiles: string; most: number }
  | { kind: "aromatic"; molblock: string };
export type IdentityReply =
  | { kind: "identified"; results: (Identified | Rejected)[] }
  | ({ kind: "compared" } & Comparison)
  | { kind: "isomers"; answer: Isomers | NotEnumerated | Rejected }
  | { kind: "aromatic"; atoms: boolean[] | Rejected };
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
  const guarded = async <T>(text: string, work: (identifier: Identifier) => T): Promise<T | Rejected> => {
    const identifier = await load();
    try {
      return work(identifier);
    } catch (error) {
      current = null;
      return trapped(text, error);
    }
  };
  return async (request) => {
    if (request.kind === "compare") {
      const { rdkit } = await load();
      return { kind: "compared", ...matchesDrawing(rdkit, request.smiles, request.molblock) };
    }
    if (request.kind === "aromatic") {
      const { rdkit } = await load();
      return { kind: "aromatic", atoms: readAromatic(rdkit, request.molblock) };
    }
    if (request.kind === "isomers") {
      const { smiles, most } = request;
      return { kind: "isomers", answer: await guarded(smiles, (own) => listIsomers(own, smiles, most)) };
    }
    const results: (Identified | Rejected)[] = [];
    for (const input of request.inputs)
      results.push(await guarded(input.text, (own) => identifyRecord(own, input)));
    return { kind: "identified", results };
  };
}

function trapped(text: string, error: unknown): Rejected {
  // WebAssembly.RuntimeError out of bounds, or RangeError of the stack: both mean too large or too deep.
  const large = error instanceof Error && ["RuntimeError", "RangeError"].includes(error.name);
  if (large)
    return reject("too_large", `the toolkit ran out of memory on ${quote(text)}: give a smaller molecule`);
  const what = error instanceof Error ? error.message : String(error);
  return reject("unparsable_input", `the toolkit failed on ${quote(text)}: ${quote(what)}`);
}
