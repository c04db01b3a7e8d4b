import { AppError } from "../errors.ts";
import { checkGeometry, SYMBOLS } from "./bonds.ts";
import type { Bond, Geometry, Position } from "./geometry.ts";
import { badLine, decodeStructure, MAX_STRUCTURE_ATOMS, strictNumber, tooLarge } from "./xyz.ts";
