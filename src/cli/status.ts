import type { Command } from "commander";
import { sql } from "kysely";
import { ALIVE_SECONDS } from "../alive.ts";
import { listProcesses } from "../processes.ts";
import { version } from "../version.ts";
import type { Cli } from "./cli.ts";
import { table, time } from "./out.ts";

export function register(program: Command, cli: Cli): void {
  program
    .command("status")
    .description("what runs, and where; starts nothing")
    .action(() => status(cli));
}

async function status(cli: Cli): Promise<void> {
  const home = cli.home();
  const processes = await listProcesses(home);
  const { serverStatus } = await import("../db/embedded/server.ts");
  const external = cli.config.database_url !== undefined;
  const server = external ? { state: "external" as const } : await serverStatus({ home });
  const counts = server.state === "running" || external ? await countAll(cli) : null;
  const value = { version: version(), home, database: server, processes, ...(counts ?? {}) };
  cli.out.result(value, () =>
    [
      `aliquot ${value.version} in ${home}`,
      `database: ${server.state}${"data_dir" in server && server.data_dir !== undefined ? ` in ${server.data_dir}` : ""}`,
      table(
        ["process", "kind", "since", "address"],
        processes.map(({ pid, kind, since, url = "" }) => [String(pid), kind, time(since), url]),
        "no process runs: `aliquot up` starts them",
      ),
      ...(counts === null
        ? []
        : [
            `organizations: ${counts.organizations}, jobs: ${describe(counts.jobs)}, queued tasks: ${counts.queued_tasks}, running: ${counts.running_tasks}, workers: ${counts.workers}`,
          ]),
    ].join("\n"),
  );
}

async function countAll(cli: Cli) {
  const { metadata } = await cli.context();
  return metadata.system(async (tx) => {
    const row = await sql<{
      organizations: number;
      queued_tasks: number;
      running_tasks: number;
      workers: number;
      jobs: Record<string, number> | null;
    }>`
      SELECT (SELECT count(*) FROM organizations WHERE status <> 'deleted') AS organizations,
        (SELECT count(*) FROM task_queue WHERE lease_owner IS NULL) AS queued_tasks,
        (SELECT count(*) FROM task_queue WHERE lease_owner IS NOT NULL) AS running_tasks,
        (SELECT count(*) FROM workers WHERE last_seen_at > now() - make_interval(secs => ${ALIVE_SECONDS})) AS workers,
        (SELECT jsonb_object_agg(status, n) FROM (SELECT status, count(*) AS n FROM jobs_meta GROUP BY status) s) AS jobs`.execute(
      tx,
    );
    const counts = row.rows[0];
    return {
      organizations: counts?.organizations ?? 0,
      queued_tasks: counts?.queued_tasks ?? 0,
      running_tasks: counts?.running_tasks ?? 0,
      workers: counts?.workers ?? 0,
      jobs: counts?.jobs ?? {},
    };
  });
}

function describe(jobs: Record<string, number>): string {
  const parts = Object.entries(jobs).map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}
