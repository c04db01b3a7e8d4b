import { require } from "../access/policy.ts";
import type { Principal } from "../access/principal.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { refuseChanged } from "../if-match.ts";
import type { Services } from "../services.ts";
import type { LifeCall } from "./change-life.ts";
import { findOrg, lockOrg } from "./find.ts";
import {
  type OrgSetting,
  type OrgSettings,
  SCHEDULE,
  SETTING_KEYS,
  SETTING_NAMES,
  type SettingName,
} from "./setting-keys.ts";
import {
  type SettingsRow,
  selectSettings,
  updateConfig,
  updateQuotas,
  type Values,
} from "./settings-store.ts";

/** Every setting of an organization: what holds, what would hold by default, and who may set it. */
export async function showSettings(
  call: { services: Services; principal: Principal },
  input: { org: string },
): Promise<OrgSettings> {
  return call.services.metadata.system(async (tx) => {
    const place = await findOrg(tx, call.principal, input.org);
    return settingsOf(tx, place);
  });
}

/**
 * Sets and takes back settings, all of them or none, with their audit. Taking back what is not set changes
 * nothing. Throws AppError not_found, forbidden (a quota, by another than the operator), usage (one key set
 * and taken back at once; nothing to do), bad_input (a schedule that is none), conflict with code precondition_failed
 * (`if_match`, and they changed since then).
 */
export async function configureOrg(
  call: LifeCall,
  input: { org: string; set?: Values; unset?: SettingName[]; if_match?: string },
): Promise<OrgSettings> {
  const { set = {}, unset = [] } = input;
  const named = [...(Object.keys(set) as SettingName[]), ...unset];
  refuseNonsense(named, set);
  if (named.some((name) => SETTING_KEYS[name].set_by === "operator")) require(call.principal, "orgs:operate");
  return call.services.metadata.system(async (tx) => {
    const known = await call.tools.find(tx);
    if (known?.answer != null) return known.answer as OrgSettings;
    const row = await lockOrg(tx, call.principal, input.org);
    if (input.if_match !== undefined)
      refuseChanged(await selectSettings(tx, row.org_id), input.if_match, "a setting");
    const of = (place: "quotas" | "config") => ({
      set: Object.fromEntries(
        Object.entries(set).filter(([name]) => SETTING_KEYS[name as SettingName].place === place),
      ) as Values,
      unset: unset.filter((name) => SETTING_KEYS[name].place === place),
    });
    const [quotas, config] = [of("quotas"), of("config")];
    await updateQuotas(tx, row.org_id, quotas.set, quotas.unset);
    await updateConfig(tx, row.org_id, config.set, config.unset);
    await call.tools.audit(tx, {
      entity_type: "organization",
      entity_id: row.org_id,
      org_id: row.org_id,
      // As text: the chain holds whole numbers only.
      metadata: {
        set: Object.fromEntries(Object.entries(set).map(([name, value]) => [name, String(value)])),
        unset: [...unset],
      },
    });
    const answer = await settingsOf(tx, row);
    await call.tools.keep(tx, answer);
    return answer;
  });
}

function refuseNonsense(named: SettingName[], set: Values): void {
  if (named.length === 0) throw new AppError("usage", "say what to set or to take back: nothing was named");
  const twice = named.find((name, index) => named.indexOf(name) !== index);
  if (twice !== undefined) throw new AppError("usage", `${twice} is named twice: say once what it should be`);
  const schedule = set.backup_schedule;
  if (schedule !== undefined && !SCHEDULE.test(String(schedule)))
    throw new AppError(
      "bad_input",
      `backup_schedule is a time of day in UTC, such as "daily 03:30" or "weekly sun 03:30", and not "${schedule}"`,
      { fields: [{ path: "/set/backup_schedule", rule: "daily HH:MM, or weekly DAY HH:MM" }] },
    );
}

async function settingsOf(tx: MetadataTx, org: { org_id: string; name: string }): Promise<OrgSettings> {
  const row = await selectSettings(tx, org.org_id);
  const items = SETTING_NAMES.map((name) => settingOf(row, name));
  return { org_id: org.org_id, name: org.name, updated_at: row.updated_at, items, next_cursor: null };
}

function settingOf(row: SettingsRow, key: SettingName): OrgSetting {
  const { place, default: fallback, unit, set_by, about } = SETTING_KEYS[key];
  const own = (place === "column" ? row[key as "storage_bucket"] : row[place][key]) as OrgSetting["value"];
  const said = own !== undefined && own !== null;
  return {
    key,
    value: said ? own : fallback,
    default: fallback,
    source: said ? "organization" : "default",
    unit,
    set_by,
    about,
  };
}
