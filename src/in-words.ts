/** Parameters as `name value`; null where there are none. */
export function inWords(params: Record<string, unknown>): string | null {
  const words = Object.entries(params).map(
    ([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return words.length === 0 ? null : words.join(", ");
}
