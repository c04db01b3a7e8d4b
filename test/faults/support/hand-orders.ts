import type { Point } from "./points.ts";

/** What a process of the tests is started with: one JSON document as its argument. */
export type HandOrders = {
  url: string;
  home: string;
  secret: string;
  /** Settings beside the address of the database. */
  env?: Record<string, string>;
  slots: number;
  lease_seconds: number;
  reconcile_seconds: number;
  /** Added to every reading of the process's own clock. */
  clock_ms?: number;
  /** No reconciler beside the worker. */
  alone?: boolean;
};

/** What it is told while it lives. */
export type Told =
  | { do: "work" }
  | { do: "relay"; org_id: string }
  /** Dies outright when it comes to the point for the (skip + 1)th time from now. */
  | { do: "die"; at: Point; skip: number }
  /** Forgets that it was to die. */
  | { do: "live" }
  /** Waits at the point until it is told to go on. */
  | { do: "hang"; at: Point }
  | { do: "go on" }
  /** Stops itself as by SIGSTOP, while it has no transaction open: one that has would hold its locks meanwhile. */
  | { do: "freeze" }
  /** Sets its own clock forward or back by so much, from now on. */
  | { do: "step"; clock_ms: number }
  | { do: "stop" };

/** Part of what a process does while an engine's program of its runs. */
export const PROGRAM = "a program running";

/** What it says. */
export type Said =
  | { said: "ready" }
  | { said: "doing"; what: string }
  | { said: "hangs" }
  | { said: "relayed"; error: string | null };
