import { type Static, type TSchema, Type } from "typebox";
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
    default: null,
    about: "requests of one person",
    kind: "number",
    value: whole(1, 1_000_000),
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

export const OrgConfigure = Type.Object(
  {
    org: OrgText,
    set: Type.Optional(
      Type.Object(
        Object.fromEntries(SETTABLE.map((name) => [name, Type.Optional(SETTING_KEYS[name].value)])),
        { additionalProperties: false, minProperties: 1 },
      ),
    ),
    unset: Type.Optional(Type.Array(Type.Enum(SETTABLE), { minItems: 1, maxItems: SETTABLE.length })),
  },
  { additionalProperties: false },
);

export const OrgSetting = Type.Object({
  key: Type.String(),
  value: Type.Union([Type.Number(), Type.String(), Type.Null()]),
  default: Type.Union([Type.Number(), Type.String(), Type.Null()]),
  source: Type.Enum(["default", "organization"]),
  unit: Type.Union([Type.String(), Type.Null()]),
  set_by: Type.Enum(["operator", "organization", "nobody"]),
  about: Type.String(),
});
export type OrgSetting = Static<typeof OrgSetting>;

export const OrgSettings = Type.Object({
  org_id: Type.String({ format: "uuid" }),
  name: Type.String(),
  items: Type.Array(OrgSetting),
  next_cursor: Type.Null(),
});
export type OrgSettings = Static<typeof OrgSettings>;
