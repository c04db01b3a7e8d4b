import assert from "node:assert/strict";
import { test } from "node:test";
import { openIdentifier } from "./identities.ts";

const identifier = openIdentifier();

async function stereo(text: string): Promise<string> {
  const reply = await identifier({ kind: "identify", inputs: [{ text, format: "smiles" }] });
  const [result] = reply.kind === "identified" ? reply.results : [];
  assert.ok(result?.ok, JSON.stringify(result));
  return `${result.species.stereo_status} ${result.species.undefined_centres}`;
}

const CASES: [string, string, string][] = [
  ["none 0", "CCO", "nothing"],
  ["none 0", "CC(C)(O)CC", "no centre"],
  ["undefined 1", "CC(F)Cl", "an atom"],
  ["defined 0", "C[C@H](F)Cl", "an atom"],
  ["undefined 3", "CC(O)C(O)C(C)O", "an atom that is stereo through its neighbours"],
  ["partly 1", "C[C@H](O)C(O)[C@@H](C)O", "the same with outer centres drawn"],
  ["undefined 2", "CC1CCC(C)CC1", "cis and trans on a ring"],
  ["defined 0", "C[C@H]1CC[C@@H](C)CC1", "cis and trans on a ring"],
  ["undefined 2", "C1CCC2CCCCC2C1", "decalin"],
  ["undefined 1", "CC=CC", "a double bond"],
  ["defined 0", "C/C=C/C", "a double bond"],
  ["partly 1", "C/C=C/C=CC", "one of two double bonds"],
  ["undefined 2", "CC(F)C=CC", "an atom and a double bond"],
  ["undefined 1", "CC=NO", "an oxime"],
  ["none 0", "CC(C)=NO", "equal ends"],
  ["undefined 1", "c1ccc(cc1)N=Nc1ccccc1", "an azo group"],
  ["undefined 1", "C1=CCCCCCC1", "cyclooctene"],
  ["none 0", "C1=CCCCCC1", "cycloheptene"],
  ["none 0", "C1=CC=CC=CC=C1", "cyclooctatetraene: all cis"],
  ["none 0", "C1=CCCC=CCC1", "1,5-cyclooctadiene"],
  ["undefined 1", "C1=CCCCCCCC1", "cyclononene"],
  ["none 0", "FS(F)(F)(F)(F)c1ccccc1", "an aryl-SF5: nothing draws six neighbours"],
  ["none 0", "FS(F)(F)(F)(F)F", "SF6"],
  ["undefined 1", "FS(F)(F)(F)(F)C(O)c1ccccc1", "a centre beside SF5 counts"],
  ["undefined 6", "FS(F)(F)(F)(F)C(O)C(O)C(O)C(O)C(O)C(O)C", "many centres, and SF5 is none of them"],
  ["none 0", "CC=C", "a terminal bond"],
  ["none 0", "CC=C1CCC1", "an exocyclic bond on a symmetric ring"],
  ["none 0", "CN(C)C(=N)NC(=N)N", "metformin: guanidines are not a choice"],
  ["none 0", "CNC(=NC#N)NCCSCc1nc[nH]c1C", "cimetidine"],
  ["none 0", "CCC(C)=N", "an imine N–H"],
  ["undefined 1", "CS(=O)CC", "a sulfoxide"],
  ["undefined 1", "CP(=O)(OC)c1ccccc1", "a phosphinate ester"],
  ["none 0", "OP(=O)(OC)c1ccccc1", "a phosphonic acid: its oxygens trade places"],
  ["none 0", "[O-]P(=O)(OC)c1ccccc1", "its anion"],
  ["none 0", "C1C2CC3CC1CC(C2)C3", "adamantane"],
  ["none 0", "NC12CC3CC(CC(C3)C1)C2", "amantadine"],
  ["none 0", "C1CC2CCC1C2", "norbornane"],
  ["none 0", "C1CN2CCN1CC2", "DABCO"],
  ["none 0", "C12C3C4C1C5C2C3C45", "cubane"],
  ["none 0", "C1CC2CCC12", "bicyclo[2.2.0]hexane, cis only"],
  ["undefined 1", "OC1CN2CCC1CC2", "quinuclidinol"],
  ["undefined 2", "CC1(C)C2CCC1(C)C(=O)C2", "camphor: real centres count"],
  ["undefined 3", "OC1C2CCCC1CC2", "an atom of a bridge is no bridgehead"],
  ["undefined 4", "C1CC2C1C1CCC21", "two fusions of one ring: syn or anti"],
  ["none 0", "CC(C)=C1CCC(C)CC1", "a ring atom across from two equal methyls"],
  ["undefined 2", "CC1CN2CCC1C2", "an azabicycle's nitrogen is no choice"],
  ["defined 0", "C=C[C@H]1CN2CC[C@H]1C[C@H]2[C@H](O)c1ccnc2ccc(OC)cc12", "quinine"],
  ["undefined 1", "CN1CC1C", "an aziridine's nitrogen inverts"],
  ["undefined 1", "CC[N+](C)(CCC)c1ccccc1", "an ammonium does not"],
  ["none 0", "c1ccc2ccccc2c1", "aromatic"],
  ["none 0", "CCN(C)C(C)C", "an amine inverts"],
];

for (const [expected, smiles, what] of CASES)
  test(`stereo of ${smiles} (${what}) is ${expected}`, async () =>
    assert.equal(await stereo(smiles), expected));
