import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

/** Forms of text on the wire, the smallest first. */
const CODINGS = ["br", "gzip", "identity"] as const;
export type Coding = (typeof CODINGS)[number];

/** The best takes ten times as long as this, for a twentieth of the size. */
const BROTLI_QUALITY = 9;

const PACK: Record<Coding, (bytes: Buffer) => Promise<Buffer>> = {
  br: (bytes) =>
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
  gzip: promisify<Buffer, Buffer>(gzip),
  identity: async (bytes) => bytes,
};

/** A text that is the same for everybody, in the forms that it was asked for; each is packed once, in another thread. */
export class Packed {
  readonly #bytes: Buffer;
  readonly #tag: string;
  readonly #packed = new Map<Coding, Promise<Buffer>>();

  constructor(text: string) {
    this.#bytes = Buffer.from(text);
    this.#tag = createHash("sha256").update(this.#bytes).digest("base64url").slice(0, 22);
  }

  /** Each form has a tag of its own: other bytes are another answer. */
  etag(coding: Coding): string {
    return coding === "identity" ? `"${this.#tag}"` : `"${this.#tag};${coding}"`;
  }

  bytes(coding: Coding): Promise<Buffer> {
    const packed = this.#packed.get(coding) ?? PACK[coding](this.#bytes);
    this.#packed.set(coding, packed);
    return packed;
  }
}

/** Less than can be said: what an Accept-Encoding does not name comes as it is, but rather in a form that it names. */
const UNNAMED = 0.0001;

/**
 * The form that an Accept-Encoding likes best (RFC 9110, 12.5.3), of several the smallest; as it is where it allows
 * none. Pure.
 */
export function codingOf(accept: string | undefined): Coding {
  if (accept === undefined) return "identity";
  const weights = new Map<string, number>();
  for (const part of accept.toLowerCase().split(",")) {
    const [name = "", ...more] = part.split(";").map((each) => each.trim());
    const weight = more.find((each) => each.startsWith("q="))?.slice(2);
    weights.set(name === "x-gzip" ? "gzip" : name, weight === undefined ? 1 : Number(weight));
  }
  const other = weights.get("*");
  const weightOf = (coding: Coding) =>
    (weights.get(coding) ?? other ?? (coding === "identity" ? UNNAMED : 0)) || 0;
  const [best = "identity"] = CODINGS.toSorted((a, b) => weightOf(b) - weightOf(a));
  return weightOf(best) > 0 ? best : "identity";
}
