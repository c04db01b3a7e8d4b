/** The same question asked once in so long, whoever asks: all of them have the one answer, or the one error. */
export function oncePer<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let last: { at: number; answer: Promise<T> } | undefined;
  return () => {
    if (last === undefined || performance.now() - last.at >= ms)
      last = { at: performance.now(), answer: ask() };
    return last.answer;
  };
}
