type Part = { retried: number; more: boolean; next_after: string | null };

/** Calls again until nothing is left or the queue is full. Returns how many run again, and whether more may later. */
export async function retryAll(
  retry: (on: { after?: string }) => Promise<Part>,
): Promise<{ retried: number; more: boolean }> {
  let part = await retry({});
  let { retried } = part;
  while (part.next_after !== null) {
    part = await retry({ after: part.next_after });
    retried += part.retried;
  }
  return { retried, more: part.more };
}

export function describeRetried({ retried, more }: { retried: number; more: boolean }): string {
  const rest = more ? "; the queue has no room for more now: say it again when some of them have ended" : "";
  return `${retried} jobs run again${rest}`;
}
