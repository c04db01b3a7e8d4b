import { freshId, hash, uid } from "./people.ts";
import type { Kit, Label } from "./results-kit.ts";
import type { Expected, Values } from "./table.ts";

/** Molecules, what is known of their shapes, and what was computed of them. */
export function chemistryTables({
  whose,
  id,
  people,
  part,
  inProject,
  projects,
  refers,
}: Kit): Record<string, Expected> {
  return {
    molecules: part("molecule_id", ({ at }) => molecule(at), {
      labels: ["a1", "a2", "b2", "a9"],
      grants: `select(${MOLECULE_COLUMNS})`,
      touch: ["formula", "'touched'"],
      fresh: (at) => ({ ...id("molecule")(at), identity_key: `new ${at}` }),
    }),
    registrations: people(
      "registration_id",
      ({ at }) => ({
        registration_id: uid("registration", at),
        molecule_id: uid("molecule", at),
        name: `100%_Secret ${at}`,
        external_id: at === "a9" ? "100%" : `EXT-${at}`,
        input_text: "C",
        tags: ["hit", `tag ${at}`],
        ...inProject(at),
      }),
      {
        labels: ["a1", "a2", "b2", "a9"],
        grants: "delete select update(external_id,name,project_id,properties,supplier,tags,visibility)",
        touch: ["supplier", "'touched'"],
        fresh: (at) => ({ ...id("registration")(at), name: "another" }),
        also: projects,
      },
    ),
    molecule_relations: {
      ...part("child_id", () => ({}), {
        grants: "select",
        touch: ["rule", "'touched'"],
        fresh: () => ({ kind: "tautomer" }),
      }),
      label: `CASE WHEN parent_id::text LIKE '00000000-0000-4000-%' THEN right(parent_id::text, 2) || right(child_id::text, 2) END`,
      rows: [
        ["a1", "a2", "a2"],
        ["a2", "a1", "a2"],
        ["b2", "a1", "b2"],
        ["a1", "b2", "b2"],
      ].map(([parent = "", child = "", as = ""]) => ({
        label: `${parent}${child}`,
        whose: whose[as as Label],
        values: {
          parent_id: uid("molecule", parent),
          child_id: uid("molecule", child),
          kind: "protomer",
          rule: "r",
          tool_version: "t",
        },
      })),
    },
    structures: people(
      "structure_id",
      ({ at }) => ({
        structure_id: uid("structure", at),
        molecule_id: uid("molecule", at),
        kind: "conformer",
        format: "xyz",
        uri: `file:${at}`,
        size_bytes: 1,
        checksum: `sha256:${hash(at)}`,
        source: "upload",
      }),
      {
        grants: "insert select",
        touch: ["name", "'touched'"],
        fresh: id("structure"),
        also: [
          ...refers("molecule_id", "molecule"),
          { as: "ann", row: "a1", with: { molecule_id: null }, ends: "ok" },
          { as: "ann as an admin elsewhere", row: "a1", with: { molecule_id: null }, ends: "refused" },
        ],
      },
    ),
    protocols: part(
      "protocol_id",
      ({ at }) => ({
        protocol_id: uid("protocol", at),
        params_hash: hash(at),
        task: "t",
        program: "xtb",
        program_version: "6",
        params: {},
      }),
      {
        see: "org",
        grants: "select",
        touch: ["name", "'touched'"],
        fresh: (at) => ({ ...id("protocol")(at), params_hash: hash(`1${at}`) }),
      },
    ),
    binding_sites: people(
      "site_id",
      ({ at }) => ({
        site_id: uid("site", at),
        receptor_structure_id: uid("structure", at),
        name: `site ${at}`,
        ...Object.fromEntries(
          ["x", "y", "z"].flatMap((axis) => [
            [`center_${axis}_angstrom`, 1],
            [`size_${axis}_angstrom`, 20],
          ]),
        ),
      }),
      {
        also: [
          ...refers("receptor_structure_id", "structure"),
          ...refers("reference_structure_id", "structure"),
        ],
        grants: "insert select update(validation)",
        touch: ["validation", `'{"touched": 1}'`],
        fresh: (at) => ({ ...id("site")(at), name: "another" }),
      },
    ),
    calculations: people(
      "calculation_id",
      ({ at }) => ({
        calculation_id: uid("calculation", at),
        molecule_id: uid("molecule", at),
        job_id: uid("job", at),
        protocol_id: uid("protocol", at),
        method: "GFN2-xTB",
        charge: 0,
        multiplicity: 1,
        unpaired_electrons: 0,
        program: "xtb",
        program_version: "6",
      }),
      { grants: "select", touch: ["method", "'touched'"], fresh: id("calculation") },
    ),
    atomic_properties: part(
      "calculation_id",
      ({ at }) => ({
        calculation_id: uid("calculation", at),
        atom_index: 0,
        element: "H",
        atomic_number: 1,
        ...Object.fromEntries(
          ["x", "y", "z"].flatMap((axis) => [
            [`${axis}_angstrom`, 0],
            [`gradient_${axis}_eh_per_bohr`, 0],
          ]),
        ),
      }),
      { grants: "select", touch: ["charge_model", "'touched'"], fresh: () => ({ atom_index: 9 }) },
    ),
    docking_results: part(
      "job_id",
      ({ at, private_to }) => ({
        result_id: uid("docking", at),
        job_id: uid("job", at),
        task_name: "dock",
        protocol_id: uid("protocol", at),
        site_id: uid("site", at),
        molecule_id: uid("molecule", at),
        pose_rank: 1,
        seed: 1,
        affinity_kcal_mol: -7,
        affinity_reported_kcal_mol: -7,
        affinity_source: "terms",
        torsions: 0,
        heavy_atoms: 1,
        pose_structure_id: uid("structure", at),
        program: "vina",
        program_version: "1",
        private_to,
      }),
      {
        grants: "select",
        touch: ["program", "'touched'"],
        fresh: (at) => ({ result_id: freshId("docking", at), pose_rank: 2 }),
      },
    ),
  };
}

const MOLECULE_COLUMNS = [
  "charge,clogp,compound_key,exact_mass,formula,fsp3,hba,hbd,heavy_atoms,identity_key,identity_kind",
  "identity_version,inchi,inchikey,molecular_weight,molecule_id,rings,rotatable_bonds,skeleton_key,smiles",
  "stereo_status,toolkit_version,tpsa_angstrom2",
].join(",");

function molecule(at: string): Values {
  return {
    molecule_id: uid("molecule", at),
    identity_key: `KEY-${at}`,
    identity_kind: "inchi",
    identity_version: 1,
    compound_key: "C",
    skeleton_key: "S",
    smiles: "C",
    formula: "CH4",
    charge: 0,
    stereo_status: "none",
    toolkit_version: "t",
    heavy_atoms: 1,
  };
}
