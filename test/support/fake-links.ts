import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import type { ServerAddress } from "../../src/db/address.ts";
import type { Link, OpenLink } from "../../src/db/connect.ts";

/** A server of which only its connections are real: it counts them as PostgreSQL would, until they are gone. */
export type FakeServer = {
  open: OpenLink;
  /** Connections now, the most there ever were, and attempts, of all databases and of each. */
  now: number;
  most: number;
  attempts: Map<string, number>;
  /** Messages in their order, `database: text`. */
  said: string[];
  /** Links by database, the newest last; `lose` hangs one up. */
  links: Map<string, (Link & { lose(): void })[]>;
  /** What an attempt on a database throws; undefined lets it in, a promise lets it wait. */
  refuse: (database: string, now: number) => unknown;
  /** What a message on a link throws, before it has an effect. */
  spoil: (database: string, text: string) => unknown;
  /** How long opening and closing take. */
  delay: () => number;
};

export function fakeServer(): FakeServer {
  const server: FakeServer = {
    open: (address) => open(server, address),
    now: 0,
    most: 0,
    attempts: new Map(),
    said: [],
    links: new Map(),
    refuse: () => undefined,
    spoil: () => undefined,
    delay: () => 0,
  };
  return server;
}

/** The address of a database on it. */
export function fakeAddress(database: string): ServerAddress {
  return { host: "nowhere", port: 1, user: "u", password: "p", database };
}

async function open(server: FakeServer, { database }: ServerAddress): Promise<Link> {
  server.attempts.set(database, (server.attempts.get(database) ?? 0) + 1);
  server.now++;
  server.most = Math.max(server.most, server.now);
  await sleep(server.delay());
  const refusal = await server.refuse(database, server.now);
  if (refusal !== undefined) {
    server.now--;
    throw refusal;
  }
  const state = { open: true, status: "I", tell: () => {} };
  const link = {
    async query(text: string): Promise<pg.QueryResult> {
      server.said.push(`${database}: ${text}`);
      await sleep(0);
      const error = state.open ? server.spoil(database, text) : new Error("Connection terminated");
      if (error !== undefined) throw error;
      if (/^(begin|start)/i.test(text)) state.status = "T";
      if (/^(commit|rollback)$/i.test(text)) state.status = "I";
      return { command: "SELECT", rowCount: 1, rows: [{ database }], oid: 0, fields: [] };
    },
    get clean() {
      return state.open && state.status === "I";
    },
    get lost() {
      return !state.open;
    },
    processID: undefined,
    hold() {},
    onLost(listener: () => void) {
      state.tell = listener;
    },
    lose() {
      state.open = false;
      state.tell();
    },
    async close() {
      state.open = false;
      await sleep(server.delay());
      server.now--;
    },
  };
  server.links.set(database, [...(server.links.get(database) ?? []), link]);
  return link;
}
