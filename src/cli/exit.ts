/** A command may end with a code of its own (1: some jobs failed) after it printed its result. */
export class ExitWith extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}
