import type { MetadataTx } from "../db/metadata.ts";
import { sha256 } from "../ids.ts";
import { type Link, selectEnd, selectLinks } from "./chain-store.ts";
import { auditBody } from "./entry.ts";

const NO_HASH = "0".repeat(64);
/** Links that are in memory at once. */
const PAGE = 1000;

export type ChainReport = { chain_id: string; rows: number; head: string; first_bad_seq: number | null };

/**
 * Walks one chain from its first link and computes every hash anew. `rows` are those that are as they were written,
 * up to the first that is not, or is missing; what is appended meanwhile is walked too. Who could rewrite a chain up to
 * its end, and its head, is found out by a head that was kept elsewhere. `goOn` is asked before each page, and throws
 * where nobody waits for the report any more.
 */
export async function verifyChain(
  tx: MetadataTx,
  chainId: string,
  goOn: () => void = () => {},
): Promise<ChainReport> {
  let [seq, hash] = [0, NO_HASH];
  for (;;) {
    goOn();
    const links = await selectLinks(tx, chainId, { after: seq, limit: PAGE });
    for (const link of links) {
      if (!follows(link, { seq, hash })) return reportOf(tx, chainId, { seq, first_bad_seq: seq + 1 });
      ({ seq, hash } = link);
    }
    if (links.length === PAGE) continue;
    const end = await selectEnd(tx, chainId, seq);
    const head = { seq: end.seq ?? 0, hash: end.hash ?? NO_HASH };
    // Somebody appended: the same moment has both the links and the head that counts them.
    if (end.beyond > 0 && head.seq === seq + end.beyond) continue;
    const whole = end.beyond === 0 && head.seq === seq && head.hash === hash;
    // A link that the head does not know of was put there by somebody else than it.
    const rows = whole ? seq : Math.min(seq, head.seq);
    return { chain_id: chainId, rows, head: head.hash, first_bad_seq: whole ? null : rows + 1 };
  }
}

function follows({ seq, prev_hash, hash, entry }: Link, last: { seq: number; hash: string }): boolean {
  if (seq !== last.seq + 1 || prev_hash !== last.hash) return false;
  try {
    return hash === sha256(`${last.hash}\n${auditBody(entry)}`);
  } catch {
    // Something that no entry can hold.
    return false;
  }
}

async function reportOf(
  tx: MetadataTx,
  chainId: string,
  { seq, first_bad_seq }: { seq: number; first_bad_seq: number },
): Promise<ChainReport> {
  const { hash } = await selectEnd(tx, chainId, seq);
  return { chain_id: chainId, rows: seq, head: hash ?? NO_HASH, first_bad_seq };
}
