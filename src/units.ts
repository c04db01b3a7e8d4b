/**
 * Physical constants and conversions. CODATA 2018 (Tiesinga et al., Rev. Mod. Phys. 93, 025010, 2021,
 * doi:10.1103/RevModPhys.93.025010). A value that needs no conversion is stored as printed.
 */

/** 1 bohr (a0) in ångström. */
export const BOHR_ANGSTROM = 0.529177210903;
/** 1 hartree (Eh) in electronvolt. */
export const HARTREE_EV = 27.211386245988;
/** 1 hartree (Eh) in kcal/mol (thermochemical calorie). */
export const HARTREE_KCAL_MOL = 627.5094740631;
/** 1 e·a0 in debye. */
export const AU_DEBYE = 2.541746473;
/** 1 e·Å in debye. */
export const E_ANGSTROM_DEBYE = AU_DEBYE / BOHR_ANGSTROM;
