import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localPrincipal, type OrgPrincipal } from "../src/access/principal.ts";
import { parseConfig } from "../src/config.ts";
import { type Context, openContext } from "../src/context.ts";
import { purgeServer, serverStatus, stopServer } from "../src/db/embedded/server.ts";
import { createOrgOperation } from "../src/orgs/operations.ts";
import { perform } from "../src/perform.ts";
import { secretKey } from "../src/secrets.ts";

/** A home in a temporary folder with its own durable embedded server; nothing of the user's is read. */
export type BenchHome = {
  path: string;
  open(): Promise<Context>;
  stop(): Promise<void>;
  postmaster(): Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
};

export function makeHome(): BenchHome {
  const base = mkdtempSync(join(tmpdir(), "aliquot-bench-"));
  // As root the server runs under another account, which must be able to enter.
  chmodSync(base, 0o755);
  const path = join(base, "home");
  mkdirSync(path);
  return {
    path,
    open: () => openHome(path),
    stop: async () => void (await stopServer({ home: path })),
    postmaster: async () => (await serverStatus({ home: path })).pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      await purgeServer({ home: path });
      rmSync(base, { recursive: true, force: true });
    },
  };
}

/** A context in a home, also from another process. */
export function openHome(path: string): Promise<Context> {
  const { PATH, XTB_PATH, VINA_PATH } = process.env;
  const { config } = parseConfig({ PATH, XTB_PATH, VINA_PATH });
  return openContext({ config, home: path, secret: secretKey({}, path), say: () => {} });
}

/** A home with one organization, and the operator in it. */
export type Lab = AsyncDisposable & {
  home: BenchHome;
  context: Context;
  principal: OrgPrincipal;
  postmaster: number;
};

export async function openLab(): Promise<Lab> {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(makeHome());
  const context = stack.use(await home.open());
  const operator = await localPrincipal(context.metadata, "admin", null);
  const { org_id } = await perform(context, createOrgOperation, operator, { name: "Bench" });
  const principal = { ...(await localPrincipal(context.metadata, "admin", org_id)), org_id };
  const kept = stack.move();
  return {
    home,
    context,
    principal,
    postmaster: await home.postmaster(),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
