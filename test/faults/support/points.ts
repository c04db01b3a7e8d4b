import { AsyncLocalStorage } from "node:async_hooks";
import type { RawBuilder } from "kysely";
import type { Context } from "../../../src/context.ts";
import type { Commit, MetadataTx } from "../../../src/db/metadata.ts";
import type { ResultsScope } from "../../../src/db/results.ts";
import type { Lease } from "../../../src/orgs/door.ts";

/** Between any two steps of the relay, in their order. */
export const RELAY_POINTS = [
  "before the relay reads",
  "facts read",
  "metadata written, not committed",
  "metadata committed, facts not marked",
  "facts marked, not committed",
  "relayed",
] as const;

/** Around each transaction of a worker in an organization's database: start, load, record, fail. */
export const LEASE_POINTS = [
  "before a worker's transaction",
  "worker's transaction not committed",
  "worker's transaction committed",
] as const;

export const POINTS = [...RELAY_POINTS, ...LEASE_POINTS];
export type Point = (typeof POINTS)[number];

/** What a process is doing, as far as its doors tell. */
export type Watch = {
  /** Is told of each point before the work goes on, and may keep it from going on. */
  at(point: Point): Promise<void>;
  began(what: "relaying" | "in a worker's transaction" | "in the metadata database"): () => void;
};

/**
 * Puts the watch around the two doors of a context, which every step passes: the code between them stays as it
 * is. Metadata transactions count as the relay's where they are opened inside one of the machinery's.
 */
export function watchDoors({ metadata, results }: Context, watch: Watch): void {
  const inMachinery = new AsyncLocalStorage<boolean>();
  const doors = {
    system: metadata.system.bind(metadata),
    forMachinery: results.forMachinery.bind(results),
    forLease: results.forLease.bind(results),
  };
  metadata.system = async <T, R>(
    work: (tx: MetadataTx, rows: R[]) => Promise<T>,
    commit?: Commit,
    first?: RawBuilder<R>,
  ): Promise<T> => {
    if (inMachinery.getStore() !== true) {
      const ended = watch.began("in the metadata database");
      return doors.system(work, commit, first).finally(ended);
    }
    await watch.at("facts read");
    const written = async (tx: MetadataTx, rows: R[]) => {
      const value = await work(tx, rows);
      await watch.at("metadata written, not committed");
      return value;
    };
    const done = await doors.system(written, commit, first);
    await watch.at("metadata committed, facts not marked");
    return done;
  };
  results.forMachinery = async <T>(
    orgId: string,
    work: (scope: ResultsScope) => Promise<T>,
    commit?: Commit,
  ): Promise<T> => {
    await watch.at("before the relay reads");
    const ended = watch.began("relaying");
    try {
      const marked = async (scope: ResultsScope) => {
        const value = await inMachinery.run(true, () => work(scope));
        await watch.at("facts marked, not committed");
        return value;
      };
      const done = await doors.forMachinery(orgId, marked, commit);
      await watch.at("relayed");
      return done;
    } finally {
      ended();
    }
  };
  results.forLease = async <T>(lease: Lease, work: (scope: ResultsScope) => Promise<T>): Promise<T> => {
    await watch.at("before a worker's transaction");
    const ended = watch.began("in a worker's transaction");
    try {
      const done = await doors.forLease(lease, async (scope) => {
        const value = await work(scope);
        await watch.at("worker's transaction not committed");
        return value;
      });
      await watch.at("worker's transaction committed");
      return done;
    } finally {
      ended();
    }
  };
}
