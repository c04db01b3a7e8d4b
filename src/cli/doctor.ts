import { accessSync, constants, statfsSync } from "node:fs";
import type { Command } from "commander";
import type { EngineProbe } from "../engines/engine.ts";
import { findEngines } from "../engines/registry.ts";
import type { Cli } from "./cli.ts";
import { table } from "./out.ts";

type Item = {
  name: string;
  found: boolean;
  version: string | null;
  path: string | null;
  install: string | null;
};

const LOW_BYTES = 2 * 1024 ** 3;

export function register(program: Command, cli: Cli): void {
  program
    .command("doctor")
    .description("what is installed, and how to get what is not; starts nothing")
    .action(async () => {
      const { probes } = await findEngines(cli.config);
      const items = [
        nodeItem(),
        ...(await databaseItems(cli)),
        homeItem(cli),
        guardItem(),
        ...probes.map(engineItem),
      ];
      cli.out.result({ items }, (value) =>
        table(
          ["", "what", "version", "where", "to get it"],
          value.items.map((item) => [
            item.found ? "ok" : "missing",
            item.name,
            item.version,
            item.path,
            item.install,
          ]),
        ),
      );
    });
}

function nodeItem(): Item {
  const found = Number(process.versions.node.split(".")[0]) >= 24;
  return {
    name: "node",
    found,
    version: process.versions.node,
    path: process.execPath,
    install: found ? null : "npm ci brings Node 24",
  };
}

async function databaseItems(cli: Cli): Promise<Item[]> {
  return cli.config.database_url === undefined
    ? [await embeddedItem(cli)]
    : externalItems(cli.config.database_direct_url ?? cli.config.database_url);
}

/** Of a server that is not ours, what it is and what its operators still have to do. */
async function externalItems(url: string): Promise<Item[]> {
  const { parseAddress } = await import("../db/address.ts");
  const { inspectServer } = await import("../setup.ts");
  const address = parseAddress(url);
  const name = "postgresql (DATABASE_URL)";
  const path = `${address.host}:${address.port}/${address.database}`;
  try {
    const { version, may_provision, open_databases } = await inspectServer(address);
    const rights = `as its superuser: ALTER ROLE "${address.user}" CREATEDB CREATEROLE`;
    const close = `any login may enter: as its superuser REVOKE CONNECT ON DATABASE ${open_databases.join(", ")} FROM PUBLIC`;
    const closed = open_databases.length === 0;
    return [
      { name, found: true, version, path, install: null },
      {
        name: "right to make databases and roles",
        found: may_provision,
        version: null,
        path: address.user,
        install: may_provision ? null : rights,
      },
      {
        name: "databases closed to other logins",
        found: closed,
        version: null,
        path: "postgres, template1",
        install: closed ? null : close,
      },
    ];
  } catch (error) {
    return [{ name, found: false, version: null, path, install: (error as Error).message }];
  }
}

async function embeddedItem(cli: Cli): Promise<Item> {
  const { serverStatus } = await import("../db/embedded/server.ts");
  const { findPackage } = await import("../db/embedded/binaries.ts");
  const state = await serverStatus({ home: cli.home() });
  const name = `postgresql (embedded, ${state.state})`;
  try {
    const { root, version } = findPackage();
    return { name, found: true, version, path: state.data_dir ?? root, install: null };
  } catch (error) {
    return { name, found: false, version: null, path: null, install: (error as Error).message };
  }
}

function homeItem(cli: Cli): Item {
  const path = cli.home();
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  const gib = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  return {
    name: "home",
    found: free > LOW_BYTES,
    version: gib,
    path,
    install: free > LOW_BYTES ? null : "free some disk space, or set ALIQUOT_HOME",
  };
}

/** Without these a worker that is killed -9 may leave an engine running until the next start. */
function guardItem(): Item {
  const path = "/usr/bin/setpriv";
  const found = process.platform !== "linux" || isExecutable(path);
  return {
    name: "setpriv, prlimit",
    found,
    version: null,
    path: found ? path : null,
    install: found ? null : "apt-get install util-linux",
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function engineItem(probe: EngineProbe): Item {
  if (probe.found)
    return {
      name: probe.name,
      found: true,
      version: probe.install.version,
      path: probe.install.path,
      install: null,
    };
  return {
    name: probe.name,
    found: false,
    version: null,
    path: null,
    install: `${probe.how_to_install} (${probe.reason})`,
  };
}
