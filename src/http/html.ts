/** Text that is HTML already. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | undefined | false | Part[];

const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign);
}

/** HTML with values in it: text is escaped, HTML stays, lists are joined, undefined and false are nothing. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(
    strings.map((text, index) => text + (index < parts.length ? textOf(parts[index]) : "")).join(""),
  );
}

function textOf(part: Part): string {
  if (part === undefined || part === false) return "";
  if (Array.isArray(part)) return part.map(textOf).join("");
  return part instanceof Html ? part.text : escaped(String(part));
}

/** A sentence in which `words` in backticks are code. */
export function prose(text: string): Html {
  const parts = text.split("`");
  return new Html(
    parts.map((part, index) => (index % 2 === 1 ? `<code>${escaped(part)}</code>` : escaped(part))).join(""),
  );
}

/** A whole page. `root` leads from it to where the API begins, so that a proxy may put it anywhere. */
export function page(title: string, root: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="stylesheet" href="${root}docs/style.css">
</head>
<body>
${body}
</body>
</html>
`.text;
}
