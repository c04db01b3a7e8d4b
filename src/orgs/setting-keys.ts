import { type Static, type TSchema, Type } from "typebox";
import { ALWAYS_WHOLE, about, closed, id, list, nullable, text, time, word } from "../fields.ts";
import { ifMatch } from "../if-match.ts";
import { OrgText } from "./schema.ts";

/** Who may set a key. `nobody`: shown, because it follows from the installation. */
export type SettableBy = "operator" | "organization" | "nobody";

export type SettingKey = {
  /** Column that holds it: a key of `quotas` or of `config`, or a column of `org_settings`. */
  place: "quotas" | "config" | "column";
  set_by: SettableBy;
  unit: string | null;
  /** What holds where the organization says nothing; null: no limit, or for ever. */
  default: number | string | null;
  about: string;
  /** How a person writes a value. */
  kind: "number" | "text";
  value: TSchema;
};

const whole = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });
const DAYS = whole(1, 36_500);

function quota(unit: string, most: number, about: string): SettingKey {
  return {
    place: "quotas",
    set_by: "operator",
    unit,
    default: null,
    about,
    kind: "number",
    value: whole(1, most),
  };
}

/** In UTC: `daily 03:30` or `weekly sun 03:30`. */
export const SCHEDULE = /^(daily|weekly (mon|tue|wed|thu|fri|sat|sun)) ([01]\d|2[0-3]):[0-5]\d$/;

/** Everything that can be set of one organization, with unit, limits and default. A closed list. */
export const SETTING_KEYS = {
  concurrent_tasks: quota("tasks", 100_000, "tasks that run at once"),
  queued_tasks: quota("tasks", 100_000_000, "tasks that wait or run"),
  storage_bytes: quota("bytes", Number.MAX_SAFE_INTEGER, "bytes of its objects"),
  members: quota("people", 1_000_000, "people in it"),
  batch_items: quota("items", 100_000_000, "items of one batch"),
  cache_threshold: {
    place: "config",
    set_by: "organization",
    unit: "share of passed checks",
    default: 0.8,
    about: "confidence from which a result answers another job",
    kind: "number",
    value: Type.Number({ minimum: 0, maximum: 1 }),
  },
  cache_ttl_days: {
    place: "config",
    set_by: "organization",
    unit: "days",
    default: null,
    about: "how long a result may answer other jobs",
    kind: "number",
    value: DAYS,
  },
  events_retention_days: {
    place: "config",
    set_by: "organization",
    unit: "days",
    default: null,
    about: "how long events of jobs are kept",
    kind: "number",
    value: DAYS,
  },
  outputs_retention_days: {
    place: "config",
    set_by: "organization",
    unit: "days",
    default: null,
    about: "how long files that engines wrote are kept",
    kind: "number",
    value: DAYS,
  },
  rate_limit_per_minute: {
    place: "config",
    set_by: "organization",
    unit: "requests a minute",
    default: 600,
    about: "requests over HTTP of one session or API key",
    kind: "number",
    // Fewer would not let an admin take it back from afar.
    value: whole(10, 1_000_000),
  },
  rate_limit_organization_per_minute: {
    place: "config",
    set_by: "organization",
    unit: "requests a minute",
    default: 6000,
    about: "requests over HTTP of all its sessions and API keys together",
    kind: "number",
    value: whole(60, 10_000_000),
  },
  backup_schedule: {
    place: "config",
    set_by: "organization",
    unit: "UTC",
    default: null,
    about: "when it is backed up: daily HH:MM, or weekly DAY HH:MM",
    kind: "text",
    value: Type.String({ minLength: 1, maxLength: 30 }),
  },
  storage_bucket: shown("bucket of its objects; else the common one"),
  storage_prefix: shown("prefix of its objects; else its id"),
  logs_backend: shown("where engine logs go; else the object store"),
} as const satisfies Record<string, SettingKey>;

/** Moving these would lose what is stored already, so they are shown and can't be set. */
function shown(about: string): SettingKey {
  return {
    place: "column",
    set_by: "nobody",
    unit: null,
    default: null,
    about,
    kind: "text",
    value: Type.String(),
  };
}

export type SettingName = keyof typeof SETTING_KEYS;
export const SETTING_NAMES = Object.keys(SETTING_KEYS) as SettingName[];
export const SETTABLE = SETTING_NAMES.filter((name) => SETTING_KEYS[name].set_by !== "nobody");

export type SettingValue = number | string;

/** Units of the schema, where the words for people are others. */
const UNITS: Record<string, string> = { days: "d", bytes: "B" };

/** The field of a setting: what it is, in what, and who may set it. */
function fieldOf({ value, about: what, unit, set_by }: SettingKey): TSchema {
  const by = set_by === "operator" ? " For the operator alone to set." : "";
  const description = `${what[0]?.toUpperCase()}${what.slice(1)}${unit === null ? "" : `, in ${unit}`}.${by}`;
  const isNumber = "type" in value && value.type !== "string";
  return about(value, description, isNumber ? { unit: UNITS[unit ?? ""] ?? "1" } : {});
}

export const OrgConfigure = closed({
  org: OrgText,
  if_match: Type.Optional(ifMatch("a setting")),
  set: Type.Optional(
    Type.Object(
      Object.fromEntries(SETTABLE.map((name) => [name, Type.Optional(fieldOf(SETTING_KEYS[name]))])),
      {
        additionalProperties: false,
        minProperties: 1,
        description: "What to set, by name; what is left out stays as it is.",
        examples: [{ cache_threshold: 0.9 }],
      },
    ),
  ),
  unset: Type.Optional(
    list(Type.Enum(SETTABLE), "What to take back, by name: its default holds again.", {
      minItems: 1,
      maxItems: SETTABLE.length,
    }),
  ),
});

const SettingValue = (description: string) =>
  Type.Union([Type.Number({ unit: "1" }), Type.String(), Type.Null()], { description });

export const OrgSetting = Type.Object({
  key: text("Its name."),
  value: SettingValue("What holds, in `unit`; null: no limit, or for ever."),
  default: SettingValue("What holds where nothing is set, in `unit`; null: no limit, or for ever."),
  source: word(["default", "organization"], "Whether the value is the default, or was set."),
  unit: nullable(text(), "What it is counted in; null where it is no number."),
  set_by: word(
    ["operator", "organization", "nobody"],
    "Who may set it; `nobody`: it follows from the installation.",
  ),
  about: text("What it is."),
});
export type OrgSetting = Static<typeof OrgSetting>;

export const OrgSettings = Type.Object({
  org_id: id("The organization."),
  name: text("What it is called."),
  updated_at: time("When they last changed."),
  items: list(OrgSetting, "Every setting that there is."),
  next_cursor: Type.Null({ description: ALWAYS_WHOLE }),
});
export type OrgSettings = Static<typeof OrgSettings>;
