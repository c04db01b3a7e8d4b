/** The demo's molecules, every stereocentre given: common substances from water to ibuprofen. */
export const DEMO_MOLECULES: readonly { name: string; smiles: string }[] = [
  { name: "water", smiles: "O" },
  { name: "methanol", smiles: "CO" },
  { name: "urea", smiles: "NC(N)=O" },
  { name: "acetic acid", smiles: "CC(=O)O" },
  { name: "ethanol", smiles: "CCO" },
  { name: "acetone", smiles: "CC(C)=O" },
  { name: "glycine", smiles: "NCC(=O)O" },
  { name: "pyridine", smiles: "c1ccncc1" },
  { name: "benzene", smiles: "c1ccccc1" },
  { name: "phenol", smiles: "Oc1ccccc1" },
  { name: "aniline", smiles: "Nc1ccccc1" },
  { name: "indole", smiles: "c1ccc2[nH]ccc2c1" },
  { name: "salicylic acid", smiles: "O=C(O)c1ccccc1O" },
  { name: "acetaminophen", smiles: "CC(=O)Nc1ccc(O)cc1" },
  { name: "metformin", smiles: "CN(C)C(=N)NC(=N)N" },
  { name: "aspirin", smiles: "CC(=O)Oc1ccccc1C(=O)O" },
  { name: "caffeine", smiles: "Cn1cnc2c1c(=O)n(C)c(=O)n2C" },
  { name: "nicotine", smiles: "CN1CCC[C@H]1c1cccnc1" },
  { name: "naproxen", smiles: "COc1ccc2cc(ccc2c1)[C@H](C)C(=O)O" },
  { name: "ibuprofen", smiles: "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O" },
];

/** The demo's target: HIV-1 protease with amprenavir (residue 478) as its crystal has it, wwPDB entry 1HPV. */
export const DEMO_TARGET = {
  file: "1hpv.pdb",
  /** The flap water: it bridges Ile50 of both chains and the ligand, at 2.7 to 2.9 Å. */
  water: "201",
  residue: "478",
  center_angstrom: [9.4, 16.1, 9.2],
  size_angstrom: [20, 18, 26],
  exhaustiveness: 4,
  seed: 42,
} as const;

/** The ligand of the crystal, drawn with every centre; redocked from this drawing and not from the crystal. */
export const DEMO_REDOCKED = {
  name: "amprenavir",
  smiles: "CC(C)CN(C[C@H]([C@H](CC1=CC=CC=C1)NC(=O)O[C@H]2CCOC2)O)S(=O)(=O)C3=CC=C(C=C3)N",
} as const;

/** Other substances, longest run first. None is known to bind this target. */
export const DEMO_LIGANDS: readonly { name: string; smiles: string }[] = [
  { name: "celecoxib", smiles: "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F" },
  { name: "propranolol", smiles: "CC(C)NC[C@H](O)COc1cccc2ccccc12" },
  { name: "ibuprofen", smiles: "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O" },
  { name: "aspirin", smiles: "CC(=O)Oc1ccccc1C(=O)O" },
  { name: "acetaminophen", smiles: "CC(=O)Nc1ccc(O)cc1" },
  { name: "caffeine", smiles: "Cn1cnc2c1c(=O)n(C)c(=O)n2C" },
  { name: "nicotine", smiles: "CN1CCC[C@H]1c1cccnc1" },
];
