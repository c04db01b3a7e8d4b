/** The first word that is neither an option nor an option's value. */
export function commandWord(argv: string[]): string | undefined {
  for (let index = 0; index < argv.length; index++) {
    const text = argv[index] ?? "";
    if (text === "--org" || text === "--as") index++;
    else if (!text.startsWith("-")) return text;
  }
  return undefined;
}
