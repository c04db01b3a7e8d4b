import type { Command } from "commander";
import {
  cacheStatsOperation,
  explainCacheOperation,
  pruneCacheOperation,
} from "../result-cache/operations.ts";
import type { CacheStats, Explained, PruneCache, Pruned } from "../result-cache/operations-schema.ts";
import type { Cli } from "./cli.ts";
import { id, ranged } from "./options.ts";
import { fixed, table, time } from "./out.ts";

type PruneOptions = {
  expired?: true;
  irreproducible?: true;
  missing?: true;
  unused?: number;
  all?: true;
  dryRun?: true;
};

export function register(program: Command, cli: Cli): void {
  const cache = program.command("cache").description("results that answer again");
  cache
    .command("stats")
    .description("what the cache holds and has saved")
    .action(async () => {
      const stats = await cli.ask(cacheStatsOperation, {});
      cli.out.result(stats, describeStats);
    });
  cache
    .command("explain")
    .description("why a job was or was not answered from the cache: what was signed, and the nearest entry")
    .argument("<job>", "the job", id)
    .option("--task <name>", "one of its tasks; the first that was signed unless named")
    .action(async (job_id: string, { task }: { task?: string }) => {
      const explained = await cli.ask(explainCacheOperation, {
        job_id,
        ...(task === undefined ? {} : { task_name: task }),
      });
      cli.out.result(explained, describeExplained);
    });
  cache
    .command("prune")
    .description("take entries out; results stay. Without a choice: those that have expired")
    .option("--expired", "older than the organization's cache_ttl_days")
    .option("--irreproducible", "whose signature gave two results")
    .option("--missing", "whose files are gone")
    .option("--unused <days>", "that answered nobody for so long", ranged(1, 36_500))
    .option("--all", "every entry that you may take out")
    .option("--dry-run", "only say what would go")
    .action((options: PruneOptions) => prune(cli, options));
}

async function prune(cli: Cli, { unused, dryRun, ...flags }: PruneOptions): Promise<void> {
  const wish: PruneCache = { ...flags, ...(unused === undefined ? {} : { unused_days: unused }) };
  if (dryRun !== true) {
    const would = await cli.ask(pruneCacheOperation, { ...wish, dry_run: true });
    const question = `Take ${entriesOf(would.entries)} out of the result cache of ${(await cli.meant()).name}?`;
    const goes = would.entries === 0 || (await cli.out.confirm(question, cli.options.yes ?? false));
    if (!goes) {
      cli.out.result({ ...would, entries: 0 }, () => "nothing was taken out");
      return;
    }
  }
  const pruned = await cli.ask(pruneCacheOperation, {
    ...wish,
    dry_run: dryRun === true,
  });
  cli.out.result(pruned, describePruned);
}

function entriesOf(count: number): string {
  return count === 1 ? "1 entry" : `${count} entries`;
}

function describePruned({ dry_run, entries, ...reasons }: Pruned): string {
  const named = Object.entries(reasons).filter(([, count]) => count > 0);
  const why = named.length === 0 ? "" : ` (${named.map(([name, count]) => `${count} ${name}`).join(", ")})`;
  const verb = dry_run ? "would go" : entries === 1 ? "is gone" : "are gone";
  return `${entriesOf(entries)} ${verb}${why}; results stay`;
}

function describeStats(stats: CacheStats): string {
  const { entries, hits, hit_rate, size_bytes, threshold, ttl_days } = stats;
  if (entries === 0) return "the cache is empty: a task that completes is kept for whoever asks the same";
  const rate = hit_rate === null ? "" : `, ${(100 * hit_rate).toFixed(0)} % of what was asked`;
  return [
    `${entriesOf(entries)}, ${hits} ${hits === 1 ? "hit" : "hits"}${rate}`,
    `saved ${seconds(stats.cpu_seconds_saved)} of CPU, ${seconds(stats.wall_seconds_saved)} of waiting; leads to ${size_bytes} bytes`,
    `${stats.expired} expired, ${stats.irreproducible} irreproducible; oldest ${day(stats.oldest_created_at)}, last used ${day(stats.last_used_at)}`,
    `answers from confidence ${threshold}, ${ttl_days === null ? "however old" : `for ${ttl_days} days`} (\`aliquot org settings\`)`,
    "",
    table(
      ["pipeline", "task", "entries", "hits", "CPU saved/s", "expired", "irreproducible"],
      stats.items.map((row) => [
        row.pipeline,
        row.task_name,
        row.entries,
        row.hits,
        fixed(row.cpu_seconds_saved, 1),
        row.expired,
        row.irreproducible,
      ]),
    ),
  ].join("\n");
}

function seconds(value: number): string {
  if (value < 120) return `${value.toFixed(1)} s`;
  return value < 7200 ? `${(value / 60).toFixed(1)} min` : `${(value / 3600).toFixed(1)} h`;
}

function day(text: string | null): string {
  return text === null ? "–" : time(text);
}

function describeExplained(told: Explained): string {
  const others = told.tasks.filter((name) => name !== told.task_name);
  return [
    `job ${told.job_id}, task ${told.task_name}: ${told.status}`,
    ...(others.length === 0 ? [] : [`other tasks, with --task: ${others.join(", ")}`]),
    `signature  ${told.signature ?? "none"}`,
    verdict(told),
    ...near(told),
    ...(told.document === null ? [] : ["", "signed:", JSON.stringify(told.document, null, 2)]),
  ].join("\n");
}

function verdict({ reason, hit, is_entry, document, signature }: Explained): string {
  const served = is_entry ? "its own result answers now" : "an older result of the same signature answers";
  const gone = document === null && signature !== null ? "; no entry of its signature is left" : "";
  const words: Record<Explained["reason"], string> = {
    answered: `answered from the cache, by task ${hit?.task_name} of job ${hit?.job_id}`,
    computed: `computed: when it ran nothing could answer it${document === null ? gone : `; ${served}`}`,
    no_cache: `computed: it was not to be answered from the cache${document === null ? gone : `; ${served}`}`,
    not_run: "it has not run yet: what is signed is known when its inputs are prepared",
    not_done: "it is signed and not done: it runs, or waits for an identical task",
    no_result: "it ended without a result: nothing is kept that could be compared",
  };
  return words[reason];
}

function near({ nearest, first_difference: first, document, reason }: Explained): string[] {
  if (nearest === null)
    return document === null || reason === "answered"
      ? []
      : ["no other entry of this kind of task is yours to be answered by"];
  const { job_id, task_name, differences } = nearest;
  const marked = nearest.irreproducible ? ", irreproducible" : "";
  const entry = `nearest entry: task ${task_name} of job ${job_id} (confidence ${nearest.confidence_score.toFixed(2)}${marked})`;
  if (first === null) return [`${entry}, of the same signature`];
  const more = differences > 1 ? `; ${differences} differences in all` : "";
  return [
    `${entry}`,
    `first difference: ${named(first.path)}: ${shown(first.here)} here, ${shown(first.there)} there${more}`,
  ];
}

/** `/program/version` as `program version`. */
function named(path: string): string {
  return path.slice(1).replaceAll("/", " ").replaceAll("~1", "/").replaceAll("~0", "~");
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, 12)}…` : text;
}
