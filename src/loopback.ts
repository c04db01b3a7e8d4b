/** Whether a URL's host is this machine, whose traffic nobody else reads. The client imports it: it imports nothing. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
