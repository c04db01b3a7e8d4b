import { networkOf as networkOfAddress } from "../limits/taker.ts";

/** The network that a request comes from: an IPv4 address, the first 64 bits of an IPv6 one, or this machine. */
export function networkOf(address: string | undefined): string {
  return address === undefined ? "here" : networkOfAddress(address);
}
