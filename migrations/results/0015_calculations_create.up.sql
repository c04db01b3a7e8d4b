CREATE TABLE calculations (
  calculation_id uuid PRIMARY KEY DEFAULT new_id(),
  molecule_id uuid REFERENCES molecules,
  job_id uuid REFERENCES jobs,
  protocol_id uuid NOT NULL REFERENCES protocols,
  structure_id uuid REFERENCES structures,
  optimized_structure_id uuid REFERENCES structures,
  method text NOT NULL CHECK (char_length(method) BETWEEN 1 AND 50),
  solvation_model text,
  solvent text,
  charge integer NOT NULL,
  multiplicity integer NOT NULL CHECK (multiplicity > 0),
  unpaired_electrons integer NOT NULL,
  electronic_temperature_k double precision CHECK (electronic_temperature_k > 0),
  energy_eh double precision,
  solvation_energy_eh double precision,
  homo_ev double precision,
  lumo_ev double precision,
  gap_ev double precision,
  orbital_energies_ev double precision[],
  orbital_occupations double precision[],
  dipole_x_debye double precision,
  dipole_y_debye double precision,
  dipole_z_debye double precision,
  dipole_debye double precision CHECK (dipole_debye >= 0),
  partial_charge_sum double precision,
  scf_converged boolean,
  geometry_converged boolean,
  convergence_status text NOT NULL GENERATED ALWAYS AS (
    CASE WHEN scf_converged IS FALSE OR geometry_converged IS FALSE THEN 'not_converged'
         WHEN scf_converged IS TRUE OR geometry_converged IS TRUE THEN 'converged'
         ELSE 'unknown' END) STORED,
  optimization_cycles integer CHECK (optimization_cycles >= 0),
  gradient_norm_eh_per_bohr double precision CHECK (gradient_norm_eh_per_bohr >= 0),
  connectivity_preserved boolean,
  quality_flags text[] NOT NULL DEFAULT '{}',
  wall_seconds double precision CHECK (wall_seconds >= 0),
  cpu_seconds double precision CHECK (cpu_seconds >= 0),
  program text NOT NULL,
  program_version text NOT NULL,
  xyz_file_hash text CHECK (xyz_file_hash ~ '^[0-9a-f]{64}$'),
  output_uri text,
  trajectory_uri text,
  conflicts jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(conflicts) = 'array'),
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  owner_id uuid NOT NULL,
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CHECK (unpaired_electrons = multiplicity - 1),
  CHECK ((solvation_model IS NULL) = (solvent IS NULL)),
  CHECK (cardinality(orbital_energies_ev) IS NOT DISTINCT FROM cardinality(orbital_occupations)),
  -- One that is NaN or infinite makes the sum so.
  CONSTRAINT calculations_numbers CHECK (abs(coalesce(electronic_temperature_k, 0) + coalesce(energy_eh, 0)
    + coalesce(solvation_energy_eh, 0) + coalesce(homo_ev, 0) + coalesce(lumo_ev, 0) + coalesce(gap_ev, 0)
    + coalesce(dipole_x_debye, 0) + coalesce(dipole_y_debye, 0) + coalesce(dipole_z_debye, 0) + coalesce(dipole_debye, 0)
    + coalesce(partial_charge_sum, 0) + coalesce(gradient_norm_eh_per_bohr, 0) + coalesce(wall_seconds, 0)
    + coalesce(cpu_seconds, 0)) < 'infinity'),
  CONSTRAINT calculations_orbitals CHECK (NOT orbital_energies_ev || orbital_occupations && ARRAY['NaN', 'infinity', '-infinity']::double precision[])
);
CREATE INDEX calculations_molecule ON calculations (molecule_id);
CREATE INDEX calculations_job ON calculations (job_id);
CREATE INDEX calculations_structure ON calculations (structure_id);
CREATE INDEX calculations_optimized_structure ON calculations (optimized_structure_id);
CREATE INDEX calculations_created ON calculations (created_at DESC, calculation_id DESC);
CREATE INDEX calculations_gap ON calculations (protocol_id, gap_ev);
CREATE INDEX calculations_energy ON calculations (protocol_id, energy_eh);
CREATE INDEX calculations_dipole ON calculations (protocol_id, dipole_debye);
CREATE INDEX calculations_convergence ON calculations (convergence_status, created_at DESC);
CALL finish_table('calculations', 'Confidential: quantum chemistry of a species in one geometry under one protocol.', $${
  "calculation_id": "UUIDv7.",
  "molecule_id": "The species; null where only a geometry was given.",
  "job_id": "Job that ran it; null where it was ingested.",
  "protocol_id": "Numbers are comparable only within one protocol.",
  "structure_id": "Geometry it started from.",
  "optimized_structure_id": "Geometry it ended with; null for a single point.",
  "method": "GFN2-xTB, GFN1-xTB or GFN-FF, as the program stated it.",
  "solvation_model": "alpb; null in the gas phase.",
  "solvent": "Name of the solvent; null in the gas phase.",
  "charge": "Net charge in e.",
  "multiplicity": "Spin multiplicity 2S+1.",
  "unpaired_electrons": "multiplicity - 1.",
  "electronic_temperature_k": "Of the Fermi smearing, in K.",
  "energy_eh": "Confidential: total energy in hartree, as printed; comparable only within one species and charge.",
  "solvation_energy_eh": "Free energy of solvation in hartree.",
  "homo_ev": "Energy of the highest occupied orbital in eV.",
  "lumo_ev": "Energy of the lowest unoccupied orbital in eV; null where there is none.",
  "gap_ev": "HOMO-LUMO gap in eV.",
  "orbital_energies_ev": "Orbital energies in eV, shape (n_orbitals), ascending.",
  "orbital_occupations": "Occupations 0 to 2, shape (n_orbitals), same order.",
  "dipole_x_debye": "Dipole moment in debye; of ions about the centre of mass.",
  "dipole_y_debye": "Dipole moment in debye; of ions about the centre of mass.",
  "dipole_z_debye": "Dipole moment in debye; of ions about the centre of mass.",
  "dipole_debye": "Norm of the dipole moment in debye.",
  "partial_charge_sum": "Sum of the partial charges in e.",
  "scf_converged": "Null where nothing says so.",
  "geometry_converged": "Null for a single point.",
  "convergence_status": "converged, not_converged or unknown.",
  "optimization_cycles": "Steps of the optimisation.",
  "gradient_norm_eh_per_bohr": "Norm of the gradient at the last geometry.",
  "connectivity_preserved": "False: bonds differ from those it started with; out of queries and statistics by default.",
  "quality_flags": "small_gap, connectivity_changed, …",
  "wall_seconds": "Time the program ran in s.",
  "cpu_seconds": "CPU time of the program in s.",
  "program": "xtb.",
  "program_version": "As the program states it.",
  "xyz_file_hash": "SHA-256 of the geometry file that the program read.",
  "output_uri": "Confidential: the program's output, compressed.",
  "trajectory_uri": "Confidential: all geometries of the optimisation.",
  "conflicts": "What two sources said differently, kept instead of believing one.",
  "metadata": "Confidential: whatever else is known.",
  "owner_id": "Whose it is.",
  "visibility": "organization, or private: its owner and admins."
}$$);
CALL show_to_people('calculations');
GRANT SELECT ON calculations TO {member};

CREATE TABLE atomic_properties (
  calculation_id uuid NOT NULL REFERENCES calculations ON DELETE CASCADE,
  atom_index integer NOT NULL CHECK (atom_index >= 0),
  element text NOT NULL CHECK (char_length(element) BETWEEN 1 AND 2),
  atomic_number smallint NOT NULL CHECK (atomic_number BETWEEN 1 AND 118),
  partial_charge double precision,
  charge_model text,
  x_angstrom double precision NOT NULL,
  y_angstrom double precision NOT NULL,
  z_angstrom double precision NOT NULL,
  gradient_x_eh_per_bohr double precision,
  gradient_y_eh_per_bohr double precision,
  gradient_z_eh_per_bohr double precision,
  PRIMARY KEY (calculation_id, atom_index),
  CONSTRAINT atomic_properties_numbers CHECK (abs(coalesce(partial_charge, 0) + x_angstrom + y_angstrom + z_angstrom
    + coalesce(gradient_x_eh_per_bohr, 0) + coalesce(gradient_y_eh_per_bohr, 0) + coalesce(gradient_z_eh_per_bohr, 0)) < 'infinity')
);
CALL finish_table('atomic_properties', 'Confidential: one row an atom, at the last geometry, in the order of the input.', $${
  "calculation_id": "The calculation.",
  "atom_index": "From 0.",
  "element": "Symbol.",
  "atomic_number": "Nuclear charge.",
  "partial_charge": "In e.",
  "charge_model": "mulliken.",
  "x_angstrom": "Position in Å.",
  "y_angstrom": "Position in Å.",
  "z_angstrom": "Position in Å.",
  "gradient_x_eh_per_bohr": "Gradient in Eh/a0; the force is its negative.",
  "gradient_y_eh_per_bohr": "Gradient in Eh/a0; the force is its negative.",
  "gradient_z_eh_per_bohr": "Gradient in Eh/a0; the force is its negative."
}$$);
CREATE POLICY atomic_properties_member ON atomic_properties FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM calculations c WHERE c.calculation_id = atomic_properties.calculation_id));
GRANT SELECT ON atomic_properties TO {member};

CREATE VIEW atomic_forces WITH (security_invoker = true) AS
  SELECT calculation_id, atom_index, element,
    -gradient_x_eh_per_bohr AS force_x_eh_per_bohr,
    -gradient_y_eh_per_bohr AS force_y_eh_per_bohr,
    -gradient_z_eh_per_bohr AS force_z_eh_per_bohr
  FROM atomic_properties WHERE gradient_x_eh_per_bohr IS NOT NULL;
COMMENT ON VIEW atomic_forces IS 'Confidential: forces in Eh/a0, the negative gradients, of whatever the asker may see.';
COMMENT ON COLUMN atomic_forces.calculation_id IS 'The calculation.';
COMMENT ON COLUMN atomic_forces.atom_index IS 'From 0.';
COMMENT ON COLUMN atomic_forces.element IS 'Symbol.';
COMMENT ON COLUMN atomic_forces.force_x_eh_per_bohr IS 'Force in Eh/a0.';
COMMENT ON COLUMN atomic_forces.force_y_eh_per_bohr IS 'Force in Eh/a0.';
COMMENT ON COLUMN atomic_forces.force_z_eh_per_bohr IS 'Force in Eh/a0.';
GRANT SELECT ON atomic_forces TO {member}, {system};
