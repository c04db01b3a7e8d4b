/**
 * Distinct drug-like SMILES put together from fragments: acid + amine → amide or sulfonamide on a decorated ring.
 * Always the same list; nothing is taken from a database. About one in four has stereocentres and one in
 * ten is a salt, as in a vendor's catalogue.
 */
/** Ring bonds 5 and 6, as those of the amines are 1 and 2. */
const RINGS = [
  "c5ccc({A})cc5{B}",
  "c5cc({A})cnc5{B}",
  "c5nc({A})ccc5{B}",
  "c5csc({A})c5{B}",
  "c5cc6cc({A})cc({B})c6[nH]5",
  "c5c({B})cc6nc({A})ccc6c5",
  "c5cc({A})oc5{B}",
  "c5c({A})nn(C)c5{B}",
  "c5nc({A})sc5{B}",
  "c5ccc(-c6ccc({A})cc6)cc5{B}",
  "O=c5[nH]c({A})nc6ccc({B})cc56",
  "c5c({A})noc5{B}",
];
const GROUPS = ["[H]", "F", "Cl", "C", "OC", "C#N", "C(F)(F)F", "N(C)C", "OCC", "Br", "C(C)C", "S(C)(=O)=O"];
const LINKS = ["C(=O){R}", "S(=O)(=O){R}", "CC(=O){R}", "OCC(=O){R}", "CCC(=O){R}", "NC(=O){R}"];
const AMINES = [
  "N1CCOCC1",
  "N1CCN(C)CC1",
  "NC1CC1",
  "NCc1ccccc1",
  "NCCO",
  "N1CCC(O)CC1",
  "N[C@@H](C)c1ccccc1",
  "N[C@H](C)C(=O)O",
  "N[C@@H](Cc1ccccc1)C(=O)OC",
  "NCc1ccc(F)cc1",
  "N1CC[C@H](O)C1",
  "NC(C)(C)C",
  "NCCN1CCCC1",
  "Nc1ccc(O)cc1",
  "N1CC[C@@H](N(C)C)C1",
  "NC1CCCCC1",
  "NCc1ccco1",
  "N(C)CC(=O)NC",
  "N1C[C@@H](C)O[C@@H](C)C1",
  "NCCc1c[nH]c2ccccc12",
];
/** Counter-ions of bases; every tenth record with a basic nitrogen gets one. */
const IONS = ["Cl", "OC(=O)C(F)(F)F", "OS(C)(=O)=O", "OC(=O)C(=O)O"];
const BASIC = /N\(C\)|N1CCN|CCN1/;

/** The first `count` records, each another species; at most 17,280. */
export function drugLikeSmiles(count: number): string[] {
  const found: string[] = [];
  for (let n = 0; found.length < count; n++) {
    // Strides without a common factor, so that even a short list has every kind of ring, group and amine.
    const index = (n * 7919) % (RINGS.length * GROUPS.length * LINKS.length * AMINES.length);
    const ring = pick(RINGS, index);
    const group = pick(GROUPS, Math.floor(index / RINGS.length));
    const link = pick(LINKS, Math.floor(index / (RINGS.length * GROUPS.length)));
    const amine = pick(AMINES, Math.floor(index / (RINGS.length * GROUPS.length * LINKS.length)));
    const molecule = ring.replace("{A}", link.replace("{R}", amine)).replace("{B}", group);
    found.push(n % 3 === 0 && BASIC.test(molecule) ? `${molecule}.${pick(IONS, n)}` : molecule);
  }
  return found;
}

function pick(list: readonly string[], index: number): string {
  return list[index % list.length] ?? "";
}
