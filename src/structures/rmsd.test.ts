import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import type { Geometry, Position } from "./geometry.ts";
import { isomorphisms } from "./isomorphisms.ts";
import { countAutomorphisms, type PlacedMolecule, symmetricRmsd } from "./rmsd.ts";

const MOLECULES = JSON.parse(
  readFileSync(new URL("../ligands/fixtures/ligands.json", import.meta.url), "utf8"),
) as Record<string, PlacedMolecule>;

function molecule(name: string): PlacedMolecule {
  const found = MOLECULES[name];
  if (found === undefined) throw new Error(`no molecule ${name}`);
  return found;
}

function at(
  { geometry, bonds }: PlacedMolecule,
  move: (position: Position, atom: number) => Position,
): PlacedMolecule {
  return { geometry: { ...geometry, positions_angstrom: geometry.positions_angstrom.map(move) }, bonds };
}

function heavyAtoms({ elements }: Geometry): number[] {
  return [...elements.keys()].filter((atom) => elements[atom] !== "H");
}

function squared(a: Position | undefined, b: Position | undefined): number {
  assert.ok(a && b);
  return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
}

/** The least over all maps, one by one. */
function bruteForce(reference: PlacedMolecule, pose: PlacedMolecule): number {
  const graph = ({ geometry, bonds }: PlacedMolecule) => ({ elements: geometry.elements, bonds: [...bonds] });
  const { maps, capped } = isomorphisms(graph(reference), graph(pose));
  assert.equal(capped, false);
  const heavy = heavyAtoms(reference.geometry);
  const sums = maps.map((map) =>
    map.reduce((sum, image, index) => {
      const here = reference.geometry.positions_angstrom[heavy[index] ?? -1];
      return sum + squared(here, pose.geometry.positions_angstrom[image]);
    }, 0),
  );
  return Math.sqrt(Math.min(...sums) / heavy.length);
}

test("amprenavir has 16 automorphisms, and others as many as their symmetric groups give", () => {
  for (const [name, count] of Object.entries({
    amprenavir: 16,
    imatinib: 4,
    celecoxib: 48,
    caffeine: 1,
    acetate: 2,
    cubane: 48,
    adamantane: 24,
    tri_tert_butylbenzene: 6 * 6 ** 3,
    ethane: 2,
    methane: 1,
  })) {
    assert.deepEqual(countAutomorphisms(molecule(name)), { count, capped: false }, name);
    const itself = symmetricRmsd(molecule(name), molecule(name));
    assert.deepEqual(itself, { rmsd_angstrom: 0, automorphisms: count, capped: false }, name);
  }
});

test("equal atoms in each other's place are no deviation, a shift is its length", () => {
  for (const [name, placed] of Object.entries(MOLECULES)) {
    const graph = { elements: placed.geometry.elements, bonds: [...placed.bonds] };
    const heavy = heavyAtoms(placed.geometry);
    for (const map of isomorphisms(graph, graph, 60).maps) {
      const images = new Map(heavy.map((atom, index) => [atom, map[index] ?? -1]));
      const swapped = at(placed, (position, atom) => {
        const image = images.get(atom);
        return (image === undefined ? undefined : placed.geometry.positions_angstrom[image]) ?? position;
      });
      assert.equal(symmetricRmsd(placed, swapped)?.rmsd_angstrom, 0, name);
    }
    const shifted = at(placed, ([x, y, z]) => [x + 0.3, y - 0.4, z + 1.2]);
    const found = symmetricRmsd(placed, shifted)?.rmsd_angstrom ?? Number.NaN;
    // Never more than the shift; less where equal atoms happen to come near each other.
    assert.ok(Math.abs(found - bruteForce(placed, shifted)) < 1e-9 && found < 1.3 + 1e-9, name);
  }
});

test("nothing is superposed: a mirror image, a turn and a mate are deviations", () => {
  const aspirin = molecule("aspirin");
  const turned = at(aspirin, ([x, y, z]) => [-x, -y, z]);
  assert.ok((symmetricRmsd(aspirin, turned)?.rmsd_angstrom ?? 0) > 1);
  const mate = turned.geometry.positions_angstrom;
  assert.equal(symmetricRmsd(aspirin, turned, mate)?.rmsd_angstrom, 0);
});

const Noise = fc.double({ min: -1, max: 1, noNaN: true });
const Shift = fc.tuple(Noise, Noise, Noise);

test("branch and bound finds what trying every map finds, near and far, atoms in any order", () => {
  const few = Object.keys(MOLECULES).filter((name) => countAutomorphisms(molecule(name)).count <= 48);
  fc.assert(
    fc.property(
      fc.constantFrom(...few),
      fc.array(Shift, { minLength: 40, maxLength: 40 }),
      fc.constantFrom(0.2, 2, 20),
      (name, shifts, size) => {
        const placed = molecule(name);
        const moved = at(placed, ([x, y, z], atom) => {
          const [a, b, c] = shifts[atom % 40] ?? [0, 0, 0];
          return [x + size * a, y + size * b, z + size * c];
        });
        const last = moved.geometry.elements.length - 1;
        const reversed: PlacedMolecule = {
          geometry: {
            elements: moved.geometry.elements.toReversed(),
            positions_angstrom: moved.geometry.positions_angstrom.toReversed(),
          },
          bonds: moved.bonds.map(({ from, to, order }) => ({ from: last - to, to: last - from, order })),
        };
        const found = symmetricRmsd(placed, reversed)?.rmsd_angstrom ?? Number.NaN;
        assert.ok(Math.abs(found - bruteForce(placed, moved)) < 1e-9, name);
      },
    ),
    { numRuns: 200, seed: 42 },
  );
});

test("of two ways that are nearly as good the better one counts", () => {
  const corners = [0, 1, 2, 3, 4, 5].map(
    (at): Position => [Math.cos((at * Math.PI) / 3), Math.sin((at * Math.PI) / 3), 0],
  );
  const aniline: PlacedMolecule = {
    geometry: { elements: ["C", "C", "C", "C", "C", "C", "N"], positions_angstrom: [...corners, [2, 0, 0]] },
    bonds: [
      ...corners.map((_, at) => ({ from: at, to: (at + 1) % 6, order: 1 })),
      { from: 0, to: 6, order: 1 },
    ],
  };
  // Turned about its axis nearly square to where it was: over one face it is 1° nearer than over the other.
  for (const degrees of [89, 91, 269, 271]) {
    const angle = (degrees * Math.PI) / 180;
    const turned = at(aniline, ([x, y]) => [x, y * Math.cos(angle), y * Math.sin(angle)]);
    const found = symmetricRmsd(aniline, turned)?.rmsd_angstrom ?? Number.NaN;
    // Four corners √3/2 from the axis, each a chord of 89° away.
    const expected = Math.sqrt((4 * 3 * Math.sin((89 * Math.PI) / 360) ** 2) / 7);
    assert.ok(Math.abs(found - expected) < 1e-12, `${degrees}°`);
  }
});

/** A chain of CH2–CH(C6H5): each phenyl doubles the maps. */
function polystyrene(units: number): { elements: string[]; bonds: PlacedMolecule["bonds"] } {
  const bonds: { from: number; to: number; order: number }[] = [];
  for (let unit = 0; unit < units; unit += 1) {
    const from = unit * 8;
    if (unit > 0) bonds.push({ from: from - 7, to: from, order: 1 });
    bonds.push({ from, to: from + 1, order: 1 }, { from: from + 1, to: from + 2, order: 1 });
    for (let atom = 0; atom < 6; atom += 1) {
      const ends = [from + 2 + atom, from + 2 + ((atom + 1) % 6)].sort((a, b) => a - b);
      bonds.push({ from: ends[0] ?? 0, to: ends[1] ?? 0, order: 1 });
    }
  }
  return { elements: Array.from({ length: units * 8 }, () => "C"), bonds };
}

test("millions of maps cost milliseconds", () => {
  const { elements, bonds } = polystyrene(20);
  const placed = (shift: number): PlacedMolecule => ({
    geometry: {
      elements,
      positions_angstrom: elements.map(
        (_, atom): Position => [
          7 * Math.sin(atom + shift * Math.cos(atom)),
          7 * Math.sin(2.3 * atom + shift),
          7 * Math.cos(3.1 * atom - shift),
        ],
      ),
    },
    bonds,
  });
  const start = performance.now();
  const found = symmetricRmsd(placed(0), placed(0.5));
  assert.deepEqual([found?.automorphisms, found?.capped], [2 ** 20, false]);
  assert.ok((found?.rmsd_angstrom ?? 0) > 1);
  assert.ok(performance.now() - start < 5_000);
});

test("another molecule, or none, has no RMSD", () => {
  assert.equal(symmetricRmsd(molecule("aspirin"), molecule("ibuprofen")), null);
  assert.equal(symmetricRmsd(molecule("acetonitrile"), molecule("propyne")), null);
  const nothing: PlacedMolecule = {
    geometry: { elements: ["H"], positions_angstrom: [[0, 0, 0]] },
    bonds: [],
  };
  assert.equal(symmetricRmsd(nothing, nothing), null);
});
