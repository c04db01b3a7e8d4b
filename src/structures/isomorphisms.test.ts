import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Bond } from "./geometry.ts";
import { isomorphisms } from "./isomorphisms.ts";
import type { MolecularGraph } from "./matching.ts";

function graph(elements: string, pairs: [number, number][]): MolecularGraph {
  return { elements: elements.split(" "), bonds: pairs.map(([from, to]): Bond => ({ from, to, order: 1 })) };
}

function ring(size: number): [number, number][] {
  return Array.from({ length: size }, (_, atom) => [atom, (atom + 1) % size] as [number, number]);
}

/** The same molecule with its atoms in another order: atom `order[i]` becomes atom i. */
function shuffled({ elements, bonds }: MolecularGraph, order: number[]): MolecularGraph {
  const place = new Map(order.map((atom, index) => [atom, index]));
  return {
    elements: order.map((atom) => elements[atom] ?? ""),
    bonds: bonds.map(({ from, to }) => ({ from: place.get(from) ?? -1, to: place.get(to) ?? -1, order: 1 })),
  };
}

/** Every map keeps elements and bonds, and no two are the same. */
function checkMaps(a: MolecularGraph, b: MolecularGraph, maps: number[][]): void {
  const heavy = [...a.elements.keys()].filter((atom) => a.elements[atom] !== "H");
  const bonded = new Set(b.bonds.flatMap(({ from, to }) => [`${from}-${to}`, `${to}-${from}`]));
  for (const map of maps) {
    const image = new Map(heavy.map((atom, index) => [atom, map[index] ?? -1]));
    assert.equal(new Set(map).size, heavy.length);
    for (const [atom, other] of image) assert.equal(a.elements[atom], b.elements[other]);
    for (const { from, to } of a.bonds)
      if (image.has(from) && image.has(to)) assert.ok(bonded.has(`${image.get(from)}-${image.get(to)}`));
  }
  assert.equal(new Set(maps.map((map) => map.join())).size, maps.length);
}

const BENZENE = graph("C C C C C C", ring(6));
const NEOPENTANE = graph("C C C C C", [
  [0, 1],
  [0, 2],
  [0, 3],
  [0, 4],
]);
/** Corners whose numbers differ in one bit are bonded. */
const CUBANE = graph(
  "C C C C C C C C",
  [0, 1, 2, 3, 4, 5, 6, 7].flatMap((a) =>
    [1, 2, 4].flatMap((bit) => (a & bit ? [] : [[a, a | bit] as [number, number]])),
  ),
);

test("as many maps as the molecule has symmetries, each a true one", () => {
  for (const [molecule, count] of [
    [graph("C", []), 1],
    [graph("C C", [[0, 1]]), 2],
    [graph("C O", [[0, 1]]), 1],
    [BENZENE, 12],
    [NEOPENTANE, 24],
    [CUBANE, 48],
    [
      graph(
        "S F F F F F F",
        [1, 2, 3, 4, 5, 6].map((to) => [0, to]),
      ),
      720,
    ],
    [
      graph(
        `${"C ".repeat(300)}C`,
        Array.from({ length: 300 }, (_, at) => [at, at + 1]),
      ),
      2,
    ],
  ] as const) {
    const { maps, capped } = isomorphisms(molecule, molecule);
    assert.deepEqual([maps.length, capped], [count, false]);
    checkMaps(molecule, molecule, maps);
  }
});

/** C60: the corners of a truncated icosahedron with edges of length 2, bonded along its edges. */
function buckminsterfullerene(): MolecularGraph {
  const phi = (1 + Math.sqrt(5)) / 2;
  const signs = [1, -1];
  const corners: number[][] = [];
  for (const [x, y, z] of [
    [0, 1, 3 * phi],
    [1, 2 + phi, 2 * phi],
    [phi, 2, 2 * phi + 1],
  ] as const)
    for (const a of x === 0 ? [1] : signs)
      for (const b of signs)
        for (const c of signs) {
          const [p, q, r] = [a * x, b * y, c * z];
          corners.push([p, q, r], [q, r, p], [r, p, q]);
        }
  const pairs = corners.flatMap((one, i) =>
    corners.flatMap((other, j) => {
      const near = Math.hypot(...one.map((value, axis) => value - (other[axis] ?? 0))) < 2.01;
      return i < j && near ? [[i, j] as [number, number]] : [];
    }),
  );
  return graph(corners.map(() => "C").join(" "), pairs);
}

test("C60 has 60 × 2 and takes no time", () => {
  const c60 = buckminsterfullerene();
  assert.deepEqual([c60.elements.length, c60.bonds.length], [60, 90]);
  const { maps, capped } = isomorphisms(c60, c60);
  assert.deepEqual([maps.length, capped], [120, false]);
});

test("too many maps are cut off at the cap, and it is said", () => {
  // Eight tert-butyl groups in a row: 2 × 6^8 maps.
  const pairs: [number, number][] = [];
  for (let unit = 0; unit < 8; unit += 1) {
    const at = unit * 5;
    pairs.push([at, at + 1], [at + 1, at + 2], [at + 1, at + 3], [at + 1, at + 4]);
    if (unit > 0) pairs.push([at - 5, at]);
  }
  const molecule = graph("C ".repeat(40).trim(), pairs);
  const { maps, capped } = isomorphisms(molecule, molecule);
  assert.deepEqual([maps.length, capped], [20_000, true]);
  assert.deepEqual(isomorphisms(NEOPENTANE, NEOPENTANE, 24).capped, false);
  assert.deepEqual(isomorphisms(NEOPENTANE, NEOPENTANE, 23).capped, true);
  assert.equal(isomorphisms(NEOPENTANE, NEOPENTANE, 1).maps.length, 1);
});

test("another chemistry has no map", () => {
  const decalin = graph("C C C C C C C C C C", [...ring(10), [0, 5]]);
  const bicyclopentyl = graph("C C C C C C C C C C", [
    ...ring(5),
    ...ring(5).map(([a, b]) => [a + 5, b + 5] as [number, number]),
    [0, 5],
  ]);
  for (const [a, b] of [
    // Alike to every atom's eye: neighbours, their neighbours, and so on.
    [decalin, bicyclopentyl],
    [BENZENE, graph("C C C C C N", ring(6))],
    [BENZENE, graph("C C C C C C", ring(6).slice(1))],
    [BENZENE, graph("C C C C C", ring(5))],
    [
      graph("C C C C", [
        [0, 1],
        [1, 2],
        [2, 3],
      ]),
      graph("C C C C", [
        [0, 1],
        [0, 2],
        [0, 3],
      ]),
    ],
    [
      graph("C C C C C C", ring(6)),
      graph("C C C C C C", [
        [0, 1],
        [1, 2],
        [0, 2],
        [3, 4],
        [4, 5],
        [3, 5],
      ]),
    ],
  ] as const)
    assert.deepEqual(isomorphisms(a, b), { maps: [], capped: false });
});

test("hydrogens and bond orders are not looked at; maps name the atoms of the second molecule", () => {
  const drawn: MolecularGraph = {
    elements: ["C", "C", "O", "O", "H", "H", "H"],
    bonds: [
      { from: 0, to: 1, order: 1 },
      { from: 1, to: 2, order: 2 },
      { from: 1, to: 3, order: 1 },
      ...[4, 5, 6].map((to) => ({ from: 0, to, order: 1 })),
    ],
  };
  const crystal = graph("O H C O C", [
    [0, 2],
    [2, 3],
    [2, 4],
    [0, 1],
  ]);
  const { maps } = isomorphisms(drawn, crystal);
  assert.deepEqual(maps.toSorted(), [
    [4, 2, 0, 3],
    [4, 2, 3, 0],
  ]);
});

test("molecules in parts are mapped part by part", () => {
  const salt = graph("C C O Na Na", [
    [0, 1],
    [1, 2],
  ]);
  assert.equal(isomorphisms(salt, shuffled(salt, [3, 2, 0, 4, 1])).maps.length, 2);
  assert.deepEqual(isomorphisms(graph("H H", [[0, 1]]), graph("H", [])), { maps: [[]], capped: false });
});

const AnyGraph = fc
  .record({
    heavy: fc.array(fc.tuple(fc.constantFrom("C", "C", "C", "N", "O", "H"), fc.nat()), {
      minLength: 1,
      maxLength: 9,
    }),
    closures: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 3 }),
    order: fc.infiniteStream(fc.nat()),
  })
  .map(({ heavy, closures, order }) => {
    const pairs = new Set(heavy.slice(1).map(([, parent], index) => `${parent % (index + 1)}-${index + 1}`));
    for (const [a, b] of closures) {
      const [from = 0, to = 0] = [a % heavy.length, b % heavy.length].sort((x, y) => x - y);
      if (from !== to) pairs.add(`${from}-${to}`);
    }
    const molecule = graph(
      heavy.map(([element]) => element).join(" "),
      [...pairs].map((pair) => pair.split("-").map(Number) as [number, number]),
    );
    const keys = heavy.map((_, atom) => [order.next().value as number, atom] as const);
    return { molecule, order: keys.sort((a, b) => a[0] - b[0]).map(([, atom]) => atom) };
  });

/** All permutations that keep elements and bonds, tried one by one. */
function bruteForce(a: MolecularGraph): number {
  const heavy = [...a.elements.keys()].filter((atom) => a.elements[atom] !== "H");
  const bonded = new Set(a.bonds.flatMap(({ from, to }) => [`${from}-${to}`, `${to}-${from}`]));
  const extend = (images: number[]): number => {
    const atom = heavy[images.length];
    if (atom === undefined) return 1;
    const fits = (image: number) =>
      !images.includes(image) &&
      a.elements[image] === a.elements[atom] &&
      images.every((other, at) => bonded.has(`${heavy[at]}-${atom}`) === bonded.has(`${other}-${image}`));
    return heavy.filter(fits).reduce((sum, image) => sum + extend([...images, image]), 0);
  };
  return extend([]);
}

test("any graph: onto itself in another order as often as brute force finds", () => {
  fc.assert(
    fc.property(AnyGraph, ({ molecule, order }) => {
      const other = shuffled(molecule, order);
      const { maps, capped } = isomorphisms(molecule, other, 400_000);
      assert.deepEqual([maps.length, capped], [bruteForce(molecule), false]);
      checkMaps(molecule, other, maps.slice(0, 100));
    }),
    { numRuns: 300, seed: 42 },
  );
});
