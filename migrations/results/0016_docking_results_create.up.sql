CREATE TABLE docking_results (
  result_id uuid PRIMARY KEY DEFAULT new_id(),
  job_id uuid NOT NULL REFERENCES jobs,
  task_name text NOT NULL,
  protocol_id uuid NOT NULL REFERENCES protocols,
  site_id uuid NOT NULL REFERENCES binding_sites,
  molecule_id uuid NOT NULL REFERENCES molecules,
  pose_rank integer NOT NULL CHECK (pose_rank > 0),
  seed integer NOT NULL CHECK (seed <> 0),
  affinity_kcal_mol double precision NOT NULL CHECK (affinity_kcal_mol BETWEEN -50 AND 50),
  affinity_reported_kcal_mol double precision NOT NULL CHECK (affinity_reported_kcal_mol BETWEEN -100000 AND 100000),
  affinity_source text NOT NULL CHECK (affinity_source IN ('terms', 'reported')),
  inter_kcal_mol double precision,
  intra_kcal_mol double precision,
  unbound_kcal_mol double precision,
  torsions integer NOT NULL CHECK (torsions >= 0),
  heavy_atoms integer NOT NULL CHECK (heavy_atoms > 0),
  ligand_efficiency double precision NOT NULL GENERATED ALWAYS AS (-affinity_kcal_mol / heavy_atoms) STORED,
  rmsd_lb_angstrom double precision CHECK (rmsd_lb_angstrom >= 0),
  rmsd_ub_angstrom double precision CHECK (rmsd_ub_angstrom >= 0),
  rmsd_reference_angstrom double precision CHECK (rmsd_reference_angstrom >= 0),
  rmsd_symmetry_mate_angstrom double precision CHECK (rmsd_symmetry_mate_angstrom >= 0),
  pose_structure_id uuid NOT NULL REFERENCES structures,
  checks jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(checks) = 'array'),
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  program text NOT NULL,
  program_version text NOT NULL,
  private_to uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (job_id, task_name, protocol_id, site_id, molecule_id, pose_rank),
  CONSTRAINT docking_results_numbers CHECK (abs(coalesce(inter_kcal_mol, 0) + coalesce(intra_kcal_mol, 0)
    + coalesce(unbound_kcal_mol, 0) + coalesce(rmsd_lb_angstrom, 0) + coalesce(rmsd_ub_angstrom, 0)
    + coalesce(rmsd_reference_angstrom, 0) + coalesce(rmsd_symmetry_mate_angstrom, 0)) < 'infinity')
);
CREATE INDEX docking_results_best ON docking_results (site_id, protocol_id, affinity_kcal_mol, result_id);
CREATE INDEX docking_results_first ON docking_results (site_id, protocol_id, molecule_id, affinity_kcal_mol, result_id)
  INCLUDE (private_to) WHERE pose_rank = 1;
CREATE INDEX idx_docking_results_job_score ON docking_results (job_id, affinity_kcal_mol);
CREATE INDEX docking_results_protocol ON docking_results (protocol_id);
CREATE INDEX docking_results_molecule ON docking_results (molecule_id, site_id, affinity_kcal_mol);
CREATE INDEX docking_results_pose ON docking_results (pose_structure_id);
CALL finish_table('docking_results', 'Confidential: one row a pose. Vina scores, comparable only within one site and protocol; no measured affinities.', $${
  "result_id": "UUIDv7.",
  "job_id": "Job that docked it.",
  "task_name": "Its task there.",
  "protocol_id": "Numbers are comparable only within one protocol and site.",
  "site_id": "Where it was docked.",
  "molecule_id": "The species that was docked.",
  "pose_rank": "From 1, best first, as the program ranked them.",
  "seed": "Of the search and of the ligand's 3D. Not in the protocol: seeds are repeats of one question.",
  "affinity_kcal_mol": "Confidential: Vina score in kcal/mol: (INTER + INTRA - INTRA of pose 1) / (1 + 0.05846 N_rot).",
  "affinity_reported_kcal_mol": "Confidential: the score as the program printed it; Vina 1.2.0 to 1.2.3 subtract a wrong unbound term.",
  "affinity_source": "terms: computed from the printed terms; reported: the printed score itself.",
  "inter_kcal_mol": "Ligand and receptor, in kcal/mol, before the torsional factor.",
  "intra_kcal_mol": "Within the ligand, in kcal/mol.",
  "unbound_kcal_mol": "What the program subtracted for the unbound ligand, in kcal/mol.",
  "torsions": "Bonds that were turned (N_rot).",
  "heavy_atoms": "Of the ligand.",
  "ligand_efficiency": "-affinity_kcal_mol / heavy_atoms.",
  "rmsd_lb_angstrom": "To pose 1 of the run, lower bound, in Å.",
  "rmsd_ub_angstrom": "To pose 1 of the run, upper bound, in Å.",
  "rmsd_reference_angstrom": "To the site's reference ligand: heavy atoms, in place, least over automorphisms; null where its heavy atoms or bonds are others. Stereo is not compared.",
  "rmsd_symmetry_mate_angstrom": "The same to the reference's image in the receptor's two-fold axis, where it is a homodimer.",
  "pose_structure_id": "The pose with all hydrogens.",
  "checks": "Name, weight and outcome of each check of the run.",
  "metadata": "Confidential: whatever else is known.",
  "program": "vina.",
  "program_version": "As the program states it.",
  "private_to": "Owner of a private job; null where the organization may see it."
}$$);
CREATE TRIGGER docking_results_immutable BEFORE UPDATE ON docking_results FOR EACH ROW EXECUTE FUNCTION refuse_change();
CALL show_unless_private('docking_results');
GRANT SELECT ON docking_results TO {member};
