import { AppError } from "../errors.ts";
import type { Identified, Toolkit } from "../toolkit/toolkit.ts";
import type { Turn } from "../toolkit/turns.ts";
import { isWords } from "../words.ts";
import type { MoleculeRecord, RejectedRecord } from "./schema.ts";

/** A record with its chemistry, and where it stood in the input (from 1). */
export type IdentifiedRecord = { record: MoleculeRecord; line: number; found: Identified };

export type IdentifiedRecords = { accepted: IdentifiedRecord[]; rejected: RejectedRecord[] };

const SHOWN = 60;

/** In whose turn the toolkit is asked: organizations wait beside each other, not behind. */
export function turnOf(call: { principal: { org_id: string }; signal?: AbortSignal | undefined }): Turn {
  return { turn: call.principal.org_id, signal: call.signal };
}

/** Asks the toolkit for every record; what it refuses is listed with line, input, code and reason. */
export async function identifyRecords(
  toolkit: Toolkit,
  records: MoleculeRecord[],
  turn: Turn,
): Promise<IdentifiedRecords> {
  const answers = await toolkit.identify(
    records.map(({ text, format }) => ({ text, format })),
    turn,
  );
  const accepted: IdentifiedRecord[] = [];
  const rejected: RejectedRecord[] = [];
  for (const [index, record] of records.entries()) {
    const line = record.line ?? index + 1;
    const found = answers[index];
    if (hasNul(record))
      rejected.push(rejectedRecord(record, line, "bad_input", "the record holds a NUL character: remove it"));
    else if (!isWords(record.name ?? ""))
      rejected.push(
        rejectedRecord(
          record,
          line,
          "bad_input",
          "the name holds a control character, or one that nobody sees: remove it",
        ),
      );
    else if (found?.ok) accepted.push({ record, line, found });
    else {
      const { code, message } = found ?? { code: "bad_input", message: "the toolkit gave no answer" };
      rejected.push(rejectedRecord(record, line, code, message));
    }
  }
  return { accepted, rejected };
}

/** PostgreSQL stores no NUL; one in a name or a property would refuse the records beside it too. */
function hasNul({ text, name = "", properties = {}, tags = [] }: MoleculeRecord): boolean {
  return [text, name, ...Object.entries(properties).flat(), ...tags].some((part) => part.includes("\0"));
}

/** A record that was refused, as the answer lists it. */
export function rejectedRecord(
  record: MoleculeRecord,
  line: number,
  code: string,
  message: string,
): RejectedRecord {
  const first = record.text.split("\n", 1)[0] ?? "";
  const name = record.name === undefined ? {} : { name: storable(record.name) };
  return { line, ...name, input: storable(first), code, message };
}

/** All but the tab, which stands between a SMILES and its name. */
const CONTROLS = /[^\P{Cc}\t]/gu;

/** What is told is stored and printed too: no controls, and no half of a pair that the cut made. */
function storable(text: string): string {
  return text.slice(0, SHOWN).replaceAll(CONTROLS, "\ufffd").toWellFormed();
}

/** The error of a call that takes all records or none, naming each that was refused and where it was given. */
export function allRefused(
  rejected: RejectedRecord[],
  of: number,
  pointerTo = ({ line }: RejectedRecord) => `/molecules/${line - 1}/text`,
): AppError {
  const [first] = rejected;
  const what =
    rejected.length === 1
      ? (first?.message ?? "")
      : `${rejected.length} of ${of} refused, the first: ${first?.message}`;
  const fields = rejected.map((one) => ({
    path: pointerTo(one),
    line: one.line,
    code: one.code,
    rule: one.message,
  }));
  const chemistry = first?.code as "unparsable_input" | undefined;
  return new AppError("bad_input", what, { fields, ...(chemistry === undefined ? {} : { code: chemistry }) });
}
