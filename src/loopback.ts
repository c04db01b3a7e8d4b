/** Whether a URL's host is this machine, whose traffic nobody else reads. The client imports it: it imports nothing. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/**
 * What is wrong with the address of an API, as words after its name; undefined: nothing. Plain http goes to this machine
 * alone, because a token that is sent in the clear is everybody's; /v1 is what asks add.
 */
export function faultOfUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:" && !isLoopback(url.hostname))
    return "must be https://…: over http:// to another machine passwords and keys would travel readable";
  if (url?.protocol !== "https:" && url?.protocol !== "http:")
    return "must be https://…, or http:// to this machine";
  return /\/v1\/*$/.test(url.pathname)
    ? "must be where the API is, without its version: leave /v1 out"
    : undefined;
}
