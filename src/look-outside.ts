/**
 * Thrown in a transaction that can go on only when something outside it was looked at, such as whether files are there.
 * Nothing was done then: `perform` lets it be rolled back, looks, and begins again, once. For what is seldom so; what is
 * always looked at belongs to `prepare`.
 */
export class LookOutside extends Error {
  readonly look: () => Promise<void>;

  constructor(look: () => Promise<void>) {
    super("something outside the transaction is to be looked at first");
    this.name = "LookOutside";
    this.look = look;
  }
}
