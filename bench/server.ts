import { type BenchHome, makeHome } from "./lab.ts";
import { type Benchmark, item, median } from "./measure.ts";

export const benchmark: Benchmark = {
  name: "server",
  about: "opening a home: its first time, and with a stopped server",
  async run({ quick }) {
    const first: number[] = [];
    const again: number[] = [];
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      await using home = makeHome();
      first.push(await secondsToOpen(home));
      for (let times = 0; times < (quick ? 2 : 3); times++) {
        await home.stop();
        again.push(await secondsToOpen(home));
      }
    }
    return [
      item("embedded server, existing cluster", "s", median(again), null, {
        of: "value",
        most: 2,
        text: "< 2",
      }),
      item("embedded server, first ever with migrations and seed", "s", median(first), null, {
        of: "value",
        most: 15,
        text: "< 15",
      }),
    ];
  },
};

/** Until every door is open; closing is not counted. */
async function secondsToOpen(home: BenchHome): Promise<number> {
  const began = performance.now();
  await using _context = await home.open();
  return (performance.now() - began) / 1000;
}
