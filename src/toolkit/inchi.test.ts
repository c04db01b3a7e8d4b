import assert from "node:assert/strict";
import { test } from "node:test";
import { COUNTER_IONS } from "./counterions.ts";
import { standardInchi } from "./identity.ts";
import { loadRdkit, withMol } from "./rdkit.ts";

/** Where the two kinds of InChI differ most: mobile and heavy hydrogen, charges, stereo that a tautomer loses. */
const HARD = [
  ..."[2H]OC(=O)C [2H]N([2H])C(=N)C [3H]c1[nH]cnc1 [13CH3]C(=O)[O-] CC(=O)[18OH] [2H][2H] [H+] [OH-] [CH3]".split(
    " ",
  ),
  ..."C/C(=N\\O)N C/N=C(/N)NC C[C@H](N)C(=O)O C[C@H]([NH3+])C(=O)[O-] O=C1NC=N[C@@H]1C C[P@](=O)(O)S".split(
    " ",
  ),
  ..."C[P@@](=O)([O-])SC C[S@](=O)c1ccccc1 N[C@@H](Cc1cnc[nH]1)C(=O)O C[C@H]1N=CN[C@@H]1C".split(" "),
  ..."CC(=O)[O-].[Na+] OC(=O)C(=O)O.NCCN [Cu+2].[O-]C(=O)C.[O-]C(=O)C Cl[Pt](Cl)(N)N C[Hg]Cl".split(" "),
  ..."[Na+].[Na+].[O-]C(=O)/C=C/C(=O)[O-] [NH-]S(=O)(=O)c1ccccc1 OB(O)c1ccccc1 CC(O)=NO [O-][n+]1ccccc1".split(
    " ",
  ),
  ..."O=c1[nH]cnc2[nH]cnc12 Nc1nc2[nH]cnc2c(=O)[nH]1 O[C@H]1[C@H](O)[C@@H](CO)OC(O)[C@@H]1O".split(" "),
  ..."[O-]P([O-])(=O)OC[C@H]1O[C@@H](n2cnc3c(N)ncnc32)[C@H](O)[C@@H]1O N/N=C/c1ccccc1 CC(=N)/N=C/C".split(
    " ",
  ),
  ...COUNTER_IONS.map(([, smiles]) => smiles),
];

test("the standard InChI cut out of the FixedH one is RDKit's own, of single parts and of pairs", async () => {
  const rdkit = await loadRdkit();
  const pairs = HARD.flatMap((one, at) => HARD.slice(at, at + 12).map((other) => `${one}.${other}`));
  let withLayer = 0;
  for (const smiles of [...HARD, ...pairs]) {
    withMol(rdkit, smiles, (mol) => {
      const fixed = mol.get_inchi("-FixedH");
      if (fixed.includes("/f")) withLayer += 1;
      assert.equal(standardInchi(fixed), mol.get_inchi(), smiles);
    });
  }
  assert.ok(withLayer > 100, "too few have a fixed-hydrogen layer");
  assert.equal(standardInchi(""), "");
});
