import type { Identities } from "./identities.ts";
import { ThreadFailure } from "./pool.ts";
import { quote, refuseText, reject } from "./text.ts";
import type { Identified, MoleculeInput, Rejected } from "./toolkit.ts";
import type { Turn } from "./turns.ts";

/**
 * What travels together: one message costs about as much as one record's identity, and nobody else has a turn before a
 * chunk ends. Large molecules cost more than their length says (750 characters of fullerenes 0.7 s), so it is squared:
 * some fifty of a drug's size, or one large one.
 */
const CHUNK = { records: 200, weight: 120_000 };
/** A molblock takes so many characters where a SMILES takes one. */
const MOLBLOCK_PER_SMILES = 50;
const CHUNK_SECONDS = 30;

/**
 * The identity of each record, in order, asked in chunks. When a thread dies or hangs on a chunk, its
 * records are asked again one at a time, so that only the one at fault is rejected.
 */
export async function identifyAll(
  threads: Pick<Identities, "ask">,
  inputs: MoleculeInput[],
  turn: Turn = {},
): Promise<(Identified | Rejected)[]> {
  return (await Promise.all(chunksOf(inputs).map((chunk) => identifyChunk(threads, chunk, turn)))).flat();
}

function chunksOf(inputs: MoleculeInput[]): MoleculeInput[][] {
  const chunks: MoleculeInput[][] = [];
  let last: MoleculeInput[] = [];
  let weight = 0;
  for (const input of inputs) {
    const own = weightOf(input);
    weight += own;
    if (chunks.length === 0 || last.length >= CHUNK.records || weight > CHUNK.weight) {
      last = [];
      chunks.push(last);
      weight = own;
    }
    last.push(input);
  }
  return chunks;
}

function weightOf({ text, format }: MoleculeInput): number {
  return (format === "smiles" ? text.length : text.length / MOLBLOCK_PER_SMILES) ** 2;
}

async function identifyChunk(
  threads: Pick<Identities, "ask">,
  chunk: MoleculeInput[],
  turn: Turn,
): Promise<(Identified | Rejected)[]> {
  // Huge texts are refused here, so that they are not copied to a thread to be refused there.
  const early = chunk.map((input) => refuseText(input));
  const rest = chunk.filter((_, index) => early[index] === null);
  const answers = rest.length === 0 ? [] : await askIdentities(threads, rest, turn);
  return early.map((refused) => refused ?? answers.shift() ?? lostRecord());
}

async function askIdentities(
  threads: Pick<Identities, "ask">,
  inputs: MoleculeInput[],
  turn: Turn,
): Promise<(Identified | Rejected)[]> {
  try {
    const reply = await threads.ask({ kind: "identify", inputs }, CHUNK_SECONDS, turn);
    if (reply.kind === "identified") return reply.results;
    return inputs.map(lostRecord);
  } catch (error) {
    if (!(error instanceof ThreadFailure)) throw error;
    const [only, ...more] = inputs;
    if (only !== undefined && more.length === 0) return [guilty(only, error)];
    // One at a time on a new thread: the record at fault costs one more failure, the others one message each.
    const answers: (Identified | Rejected)[] = [];
    for (const input of inputs) answers.push(...(await askIdentities(threads, [input], turn)));
    return answers;
  }
}

function guilty(input: MoleculeInput, failure: ThreadFailure): Rejected {
  const why = failure.timedOut ? `took longer than ${CHUNK_SECONDS} s over` : "died of";
  return reject("too_large", `the toolkit ${why} ${quote(input.text)}: give a smaller or simpler molecule`);
}

function lostRecord(): Rejected {
  return reject("unparsable_input", "the toolkit gave no answer for this record: try it again on its own");
}
