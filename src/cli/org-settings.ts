import type { Command } from "commander";
import { closestName } from "../edit-distance.ts";
import { AppError } from "../errors.ts";
import { configureOrgOperation, showSettingsOperation } from "../orgs/operations.ts";
import {
  type OrgSettings,
  SETTABLE,
  SETTING_KEYS,
  type SettingName,
  type SettingValue,
} from "../orgs/setting-keys.ts";
import type { Cli } from "./cli.ts";
import { finite } from "./options.ts";
import { meant } from "./org-who.ts";
import { table } from "./out.ts";

type Options = { set: string[]; unset: string[] };

const more = (text: string, before: string[]): string[] => [...before, text];

export function registerSettings(org: Command, cli: Cli): void {
  org
    .command("settings [org]")
    .description("quotas and settings of an organization; --set and --unset change them")
    .option("--set <key=value>", "set one; may be given several times", more, [])
    .option("--unset <key>", "take one back to its default; may be given several times", more, [])
    .action((text: string | undefined, options: Options) => settings(cli, text, options));
}

async function settings(cli: Cli, text: string | undefined, options: Options): Promise<void> {
  const set = Object.fromEntries(options.set.map(assignment));
  const unset = options.unset.map(keyOf);
  if (Object.keys(set).length < options.set.length)
    throw new AppError("usage", "a key is set twice: say once what it should be");
  const org = await meant(cli, text);
  const answer =
    options.set.length + unset.length === 0
      ? await cli.ask(showSettingsOperation, { org }, { of: org })
      : await cli.ask(
          configureOrgOperation,
          {
            org,
            ...(options.set.length === 0 ? {} : { set }),
            ...(unset.length === 0 ? {} : { unset }),
          },
          { of: org },
        );
  cli.out.result(answer, describe);
}

function assignment(text: string): [SettingName, SettingValue] {
  const at = text.indexOf("=");
  if (at < 1)
    throw new AppError("usage", `--set takes key=value, such as cache_ttl_days=90, and not "${text}"`);
  const key = keyOf(text.slice(0, at));
  const value = text.slice(at + 1).trim();
  if (SETTING_KEYS[key].kind === "text") return [key, value];
  const number = finite(value);
  if (number === undefined) throw new AppError("usage", `${key} takes a number, and not "${value}"`);
  return [key, number];
}

function keyOf(text: string): SettingName {
  const known = SETTABLE.find((name) => name === text.trim());
  if (known !== undefined) return known;
  if (Object.hasOwn(SETTING_KEYS, text.trim()))
    throw new AppError("usage", `${text.trim()} can't be set: it follows from the installation`);
  const near = closestName(text.trim(), SETTABLE, 4);
  const hint = near === undefined ? `there are ${SETTABLE.join(", ")}` : `did you mean ${near}?`;
  throw new AppError("usage", `there is no setting "${text.trim()}": ${hint}`);
}

function describe({ name, items }: OrgSettings): string {
  const rows = items.map((item) => [
    item.key,
    item.value === null ? "–" : String(item.value),
    item.source === "default" ? "default" : `set here (default ${item.default ?? "–"})`,
    item.unit,
    item.set_by,
    item.about,
  ]);
  return [
    `settings of organization ${name}`,
    table(["key", "value", "source", "unit", "set by", "what"], rows),
    "– is no limit, or for ever. storage_bytes, retention and backup schedule are kept and shown, and not enforced yet.",
  ].join("\n");
}
