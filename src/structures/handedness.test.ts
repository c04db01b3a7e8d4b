import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Bond, Geometry, Position } from "./geometry.ts";
import { sameStereo } from "./handedness.ts";
import { isomorphisms } from "./isomorphisms.ts";

type Bonded = { geometry: Geometry; bonds: Bond[] };

/** Corners of a tetrahedron at 1.5 Å around its middle. */
const CORNERS: Position[] = [
  [0.87, 0.87, 0.87],
  [0.87, -0.87, -0.87],
  [-0.87, 0.87, -0.87],
  [-0.87, -0.87, 0.87],
];

/** A centre (atom 0) and its neighbours at corners 0, 1, 2, 3. */
function tetrahedron(elements: string[], corners = CORNERS): Bonded {
  return {
    geometry: { elements, positions_angstrom: [[0, 0, 0], ...corners.slice(0, elements.length - 1)] },
    bonds: elements.slice(1).map((_, index) => ({ from: 0, to: index + 1, order: 1 })),
  };
}

/** The same in a mirror. */
function mirrored({ geometry, bonds }: Bonded): Bonded {
  const positions_angstrom = geometry.positions_angstrom.map(([x, y, z]): Position => [-x, y, z]);
  return { geometry: { ...geometry, positions_angstrom }, bonds };
}

function flattened({ geometry, bonds }: Bonded, z = 0): Bonded {
  const positions_angstrom = geometry.positions_angstrom.map(([x, y, up]): Position => [x, y, z * up]);
  return { geometry: { ...geometry, positions_angstrom }, bonds };
}

/** Without its last atom, as a crystal shows no hydrogen. */
function cut({ geometry, bonds }: Bonded): Bonded {
  const last = geometry.elements.length - 1;
  return {
    geometry: {
      elements: geometry.elements.slice(0, last),
      positions_angstrom: geometry.positions_angstrom.slice(0, last),
    },
    bonds: bonds.filter(({ to }) => to !== last),
  };
}

const identity = (molecule: Bonded) => molecule.geometry.elements.map((_, atom) => atom);
const same = (one: Bonded, other: Bonded) => sameStereo(one, other, identity(one));
/** By any way to lay one on the other, as references are compared. */
const sameByAnyMap = (one: Bonded, other: Bonded) =>
  isomorphisms(
    { elements: one.geometry.elements, bonds: one.bonds },
    { elements: other.geometry.elements, bonds: other.bonds },
  ).maps.some((map) => sameStereo(one, other, map));

const HALON = tetrahedron(["C", "F", "Cl", "Br", "I"]);
const CHFCLBR = tetrahedron(["C", "F", "Cl", "Br", "H"]);

test("a centre and its mirror image are two, with four heavy neighbours or three and a hydrogen", () => {
  for (const molecule of [HALON, CHFCLBR]) {
    assert.equal(same(molecule, molecule), true);
    assert.equal(same(molecule, mirrored(molecule)), false);
    assert.equal(sameByAnyMap(molecule, mirrored(molecule)), false);
    assert.equal(same(mirrored(molecule), mirrored(molecule)), true);
  }
});

test("hydrogens that only one of the two shows change nothing", () => {
  assert.equal(sameByAnyMap(CHFCLBR, cut(CHFCLBR)), true);
  assert.equal(sameByAnyMap(CHFCLBR, cut(mirrored(CHFCLBR))), false);
});

test("an atom that the other one lacks decides nothing, as long as three are left", () => {
  const lost = [0, -1, 2, 3, 4];
  assert.equal(sameStereo(HALON, HALON, lost), true);
  assert.equal(sameStereo(HALON, mirrored(HALON), lost), false);
  assert.equal(sameStereo(HALON, mirrored(HALON), [0, -1, -1, 3, 4]), true, "two neighbours decide nothing");
  assert.equal(sameStereo(HALON, mirrored(HALON), [-1, 1, 2, 3, 4]), true, "nor does a centre that is gone");
});

test("where it stands, and the order of its neighbours in the other file, change nothing", () => {
  const order = fc.shuffledSubarray([1, 2, 3, 4], { minLength: 4 });
  const angle = fc.double({ min: 0, max: 6.28, noNaN: true });
  fc.assert(
    fc.property(order, angle, angle, fc.boolean(), (places, a, b, mirror) => {
      const source = mirror ? mirrored(HALON) : HALON;
      const turned = source.geometry.positions_angstrom.map((position) => turn(position, a, b));
      const other = tetrahedron(["C", "F", "Cl", "Br", "I"]);
      const map = [0, ...places];
      for (const [index, atom] of map.entries()) {
        other.geometry.elements[atom] = source.geometry.elements[index] ?? "";
        other.geometry.positions_angstrom[atom] = turned[index] ?? [0, 0, 0];
      }
      return sameStereo(HALON, other, map) === !mirror;
    }),
  );
});

function turn([x, y, z]: Position, a: number, b: number): Position {
  const [p, q] = [x * Math.cos(a) - y * Math.sin(a), x * Math.sin(a) + y * Math.cos(a)];
  return [p + 40, q * Math.cos(b) - z * Math.sin(b) - 7, q * Math.sin(b) + z * Math.cos(b) + 3];
}

test("two equal neighbours swap through an automorphism: what is prochiral has one form", () => {
  const prochiral = tetrahedron(["C", "F", "F", "Cl", "Br"]);
  assert.equal(same(prochiral, mirrored(prochiral)), false, "by this one map they differ");
  assert.equal(sameByAnyMap(prochiral, mirrored(prochiral)), true);
  const sulfone = tetrahedron(["S", "O", "O", "C", "N"]);
  assert.equal(sameByAnyMap(sulfone, mirrored(sulfone)), true);
});

test("a flat centre, or one that is nearly so, decides nothing", () => {
  assert.equal(same(HALON, flattened(mirrored(HALON))), true);
  assert.equal(same(flattened(HALON), mirrored(HALON)), true);
  assert.equal(same(HALON, flattened(mirrored(HALON), 0.05)), true);
  assert.equal(same(HALON, flattened(mirrored(HALON), 0.6)), false, "a squeezed one still does");
});

test("sulfoxides, sulfoniums and phosphines keep their pyramid, amines do not", () => {
  for (const element of ["S", "P", "Se"]) {
    const pyramid = tetrahedron([element, "O", "C", "N"]);
    assert.equal(same(pyramid, mirrored(pyramid)), false, element);
    assert.equal(same(pyramid, pyramid), true, element);
  }
  const amine = tetrahedron(["N", "O", "C", "S"]);
  assert.equal(same(amine, mirrored(amine)), true);
  const dmso = tetrahedron(["S", "O", "C", "C"]);
  assert.equal(sameByAnyMap(dmso, mirrored(dmso)), true, "two equal ends: no centre");
  const cation = tetrahedron(["N", "O", "C", "S", "F"]);
  assert.equal(same(cation, mirrored(cation)), false, "four bonds hold a nitrogen");
});

/** left–A=B–right in a plane: both ends up (`cis`) or one of them down; with hydrogens at the other places. */
function alkene(cis: boolean, order = 2, middle: [string, string] = ["C", "C"]): Bonded {
  const up = cis ? 1 : -1;
  return {
    geometry: {
      elements: [...middle, "F", "Cl"],
      positions_angstrom: [
        [0, 0, 0],
        [1.34, 0, 0],
        [-0.7, 1.2, 0],
        [2, 1.2 * up, 0],
      ],
    },
    bonds: [
      { from: 0, to: 1, order },
      { from: 0, to: 2, order: 1 },
      { from: 1, to: 3, order: 1 },
    ],
  };
}

test("the two sides of a double bond are told apart, of single bonds and imines they are not", () => {
  assert.equal(same(alkene(true), alkene(true)), true);
  assert.equal(same(alkene(false), alkene(false)), true);
  assert.equal(same(alkene(true), alkene(false)), false);
  assert.equal(same(alkene(false), alkene(true)), false);
  assert.equal(same(alkene(true, 2), alkene(false, 1)), false, "bond orders are those of the first");
  for (const [order, middle] of [
    [1, ["C", "C"]],
    [1.5, ["C", "C"]],
    [2, ["C", "N"]],
    [2, ["N", "N"]],
  ] as [number, [string, string]][])
    assert.equal(same(alkene(true, order, middle), alkene(false, order, middle)), true, `${order} ${middle}`);
});

test("a double bond seen from its side, or without a neighbour, decides nothing", () => {
  const twisted = alkene(true);
  twisted.geometry.positions_angstrom[3] = [2, 0, 1.2];
  for (const cis of [true, false]) {
    assert.equal(same(twisted, alkene(cis)), true);
    assert.equal(same(alkene(cis), twisted), true);
  }
  assert.equal(sameStereo(alkene(true), alkene(false), [0, 1, 2, -1]), true);
});

test("of many centres one that differs is enough", () => {
  const far = (molecule: Bonded, by: number): Bonded => ({
    geometry: {
      ...molecule.geometry,
      positions_angstrom: molecule.geometry.positions_angstrom.map(([x, y, z]): Position => [x + by, y, z]),
    },
    bonds: molecule.bonds.map(({ from, to, order }) => ({ from: from + 5, to: to + 5, order })),
  });
  const pair = (one: Bonded, two: Bonded): Bonded => {
    const [a, b] = [one, far(two, 10)];
    return {
      geometry: {
        elements: [...a.geometry.elements, ...b.geometry.elements],
        positions_angstrom: [...a.geometry.positions_angstrom, ...b.geometry.positions_angstrom],
      },
      bonds: [...a.bonds, ...b.bonds],
    };
  };
  const [left, right] = [HALON, mirrored(HALON)];
  assert.equal(same(pair(left, right), pair(left, right)), true);
  assert.equal(same(pair(left, right), pair(left, left)), false);
  assert.equal(same(pair(left, left), pair(right, left)), false);
  // The meso form laid on itself the other way round is still itself.
  assert.equal(sameByAnyMap(pair(left, right), pair(right, left)), true);
});
