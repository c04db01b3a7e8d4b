const FIRST_SECONDS = 2;
const MOST_SECONDS = 300;

/** Seconds before the next attempt: doubling from 2 s, at most 5 min, spread by ±25 % (`random` is 0..1). */
export function backoffSeconds(attempt: number, random: number): number {
  const plain = Math.min(MOST_SECONDS, FIRST_SECONDS * 2 ** (attempt - 1));
  return plain * (0.75 + random / 2);
}
