import { checkLedger, type LedgerRow, readLedger } from "../db/ledger.ts";
import type { MetadataDoor } from "../db/metadata.ts";
import { withPatientClient } from "../db/patient.ts";
import { type AppError, toAppError } from "../errors.ts";
import type { FleetSettings } from "./fleet-one.ts";
import { type FleetFilter, type FleetPlace, selectFleetPage } from "./fleet-store.ts";
import { serverOf, serversOf } from "./servers.ts";

const PAGE = 200;
const CONCURRENCY = 4;

/** A database as its own ledger tells; or why it told nothing, or nothing good. */
export type Look = { place: FleetPlace; ledger: LedgerRow[]; error?: AppError };

/** Databases of the directory that a filter lets through, by id, read a page at a time. */
export async function* fleetPlaces(
  metadata: MetadataDoor,
  filter: FleetFilter,
): AsyncGenerator<FleetPlace, void> {
  for (let after: string | null = null; ; ) {
    const from: string | null = after;
    const page: FleetPlace[] = await metadata.system((tx) => selectFleetPage(tx, filter, from, PAGE));
    yield* page;
    if (page.length < PAGE) return;
    after = page.at(-1)?.org_id ?? null;
  }
}

/** Reads the ledger of each database, a few at once, and hands them on by id. One that is down is told as such. */
export async function lookAtFleet(
  metadata: MetadataDoor,
  settings: FleetSettings,
  filter: FleetFilter,
): Promise<Look[]> {
  const places = fleetPlaces(metadata, filter);
  const looks: Look[] = [];
  const hand = async () => {
    for (let next = await places.next(); next.done !== true; next = await places.next())
      looks.push(await look(settings, next.value));
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, hand));
  return looks.toSorted((a, b) => (a.place.org_id < b.place.org_id ? -1 : 1));
}

async function look(settings: FleetSettings, place: FleetPlace): Promise<Look> {
  let ledger: LedgerRow[] = [];
  try {
    const address = { ...serverOf(place, serversOf(settings)), database: place.database_name };
    ledger = await withPatientClient(address, "aliquot migrate", readLedger);
    checkLedger(ledger, settings.migrations);
    return { place, ledger };
  } catch (error) {
    return { place, ledger, error: toAppError(error) };
  }
}

/** What to say of a ledger beside the migrations of this program. */
export type SchemaStatus = "current" | "behind" | "ahead" | "too_new" | "edited" | "unreachable";

/** `ahead` is newer by migrations that only add; `too_new` has a breaking one that this program does not know. */
export function schemaStatus(ledger: LedgerRow[], latest: number, error?: AppError): SchemaStatus {
  if (error !== undefined) return error.kind === "conflict" ? "edited" : "unreachable";
  if (ledger.length < latest) return "behind";
  if (ledger.length === latest) return "current";
  return ledger.slice(latest).some((row) => row.breaking) ? "too_new" : "ahead";
}
