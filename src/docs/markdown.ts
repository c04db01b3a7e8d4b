const MARK = /^(PII|Confidential): */;

/** A comment without its mark, and the mark. */
export function marked(about: string | null): { mark: string; text: string } {
  const mark = MARK.exec(about ?? "")?.[1] ?? "";
  return { mark, text: (about ?? "").replace(MARK, "") };
}

/** A comment as a paragraph: its mark in bold, then a sentence. */
export function paragraph(about: string | null): string {
  const { mark, text } = marked(about);
  return mark === "" ? sentence(text) : `**${mark}.** ${sentence(text)}`;
}

/** Beginning with a capital letter, for what stands as a sentence. */
export function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

/** A text that may stand in a cell of a Markdown table; what is code in it stays as it is. */
export function cell(text: string): string {
  const parts = text.replaceAll(/\s+/g, " ").split("`");
  return parts.map((part, at) => (at % 2 === 0 ? part.replaceAll("<", "&lt;") : part)).join("`");
}

/** The same as code: nothing in it is Markdown. */
export function code(text: string): string {
  return `\`${text.replaceAll(/\s+/g, " ")}\``;
}

export function list(lines: readonly string[]): string {
  return lines.map((line) => `- ${line}`).join("\n");
}

/** A table whose cells are Markdown already; bars in them are escaped, in code too, as tables want it. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const fill = (text: string): string => (text === "" ? " " : ` ${text.replaceAll("|", "\\|")} `);
  const line = (cells: readonly string[]): string => `|${cells.map(fill).join("|")}|`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
