/**
 * How often a race is run: a few times in `make test`, and often in `make test-slow`, which sets LONG for the files of
 * which the chance of finding something grows with it.
 */
export function rounds(few: number, many: number): number {
  return process.env["LONG"] === undefined ? few : many;
}
