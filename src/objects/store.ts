/** Bytes that were stored: found again by what they are. */
export type StoredObject = { uri: string; size_bytes: number; checksum: string };

/**
 * Keeps the bytes of organizations apart, each under its own prefix, named by their SHA-256. The same
 * bytes stored twice are one object.
 */
export type ObjectStore = {
  /** Durable and verified when it resolves. Throws AppError store_unavailable, bad_input (0 bytes). */
  put(orgId: string, bytes: Uint8Array): Promise<StoredObject>;
  /**
   * The bytes, checked against their name. Throws AppError damaged (or lost), not_found (no address),
   * store_unavailable, also where the store is not there.
   */
  get(orgId: string, uri: string): Promise<Uint8Array>;
  /**
   * The same piece by piece, and never whole where it is not what its name says: the last piece comes when all of
   * them were checked. Opened when the first one is asked for. Throws what `get` throws.
   */
  read(orgId: string, uri: string): AsyncIterable<Uint8Array>;
  /**
   * Nothing where `get` would give so many bytes, but for what their hash alone tells: they are not read. Throws what
   * `get` throws.
   */
  look(orgId: string, uri: string, size_bytes: number): Promise<void>;
  /** False only where the store is there without it. Throws AppError not_found (no address), store_unavailable. */
  has(orgId: string, uri: string): Promise<boolean>;
  /**
   * Takes away what puts that were killed more than a day ago left aside, and returns how many. Throws AppError
   * store_unavailable.
   */
  sweep(orgId: string): Promise<number>;
  /** Every object of an organization, gone for good; none is fine too. Throws AppError store_unavailable. */
  removeOrganization(orgId: string): Promise<void>;
};
