import type { Static, TSchema } from "typebox";
import type { FEATURES } from "../features.ts";

/** What the features export, whatever it is. */
type Exported = {
  [F in keyof typeof FEATURES]: (typeof FEATURES)[F][keyof (typeof FEATURES)[F]];
}[keyof typeof FEATURES];

type AnOperation = { name: string; tx: string; input: TSchema; output: TSchema };
type AFollow = { name: string; told_as: TSchema; input: TSchema };

/** A name that is known to the compiler; others have none here. */
type Known<N extends string> = string extends N ? never : N;

/** Operations that could not be asked by name, because the compiler does not know it: a test wants none. */
export type Nameless = Exported extends infer O
  ? O extends AnOperation | AFollow
    ? string extends O["name"]
      ? O["input"]
      : never
    : never
  : never;

/** What may be asked, by name: the types of the operations themselves. The packed file is made by scripts/client-types.mjs. */
export type Operations = {
  [O in Extract<Exported, AnOperation> as Known<O["name"]>]: {
    input: Static<O["input"]>;
    output: Static<O["output"]>;
  };
};

/** What may be followed, by name. */
export type Follows = {
  [F in Extract<Exported, AFollow> as Known<F["name"]>]: {
    input: Static<F["input"]>;
    data: Static<F["told_as"]>;
  };
};
