/** Version of the conformer generator, stated here so that nothing heavy is loaded to ask; a test compares. */
export const GENERATOR_VERSION = "openchemlib 9.25.0";

/** What `structures.source` says of a conformer from this generator, to find it again. */
export function generatorName(seed: number): string {
  return `generator:${GENERATOR_VERSION} seed ${seed}`;
}
