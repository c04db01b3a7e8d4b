/*
 * Characters that are no words: controls, by which a name could write over what stands beside it on a terminal, ends of
 * lines, what turns the direction of all that follows, and what nobody sees, by which two names look like one
 * (\p{Default_Ignorable_Code_Point}, \p{Cf}). By their numbers: \p is unknown to readers of our schemas in other
 * languages, and so is what lies beyond \uffff; `isWords` and `visible` know that too. A room of its own, so that
 * commands know them without the schemas.
 */
const CONTROLS = "\\u0000-\\u001f\\u007f-\\u009f";
const FORMATS =
  "\\u00ad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890-\\u0891\\u08e2\\u115f-\\u1160\\u17b4-\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb";
export const UNSEEN = `${CONTROLS}${FORMATS}`;
export const WORDS_PATTERN = `^[^${UNSEEN}]*$`;

const SOME = new RegExp(`[${UNSEEN}\\p{Cf}\\p{Default_Ignorable_Code_Point}]`, "u");
const EACH = new RegExp(SOME, "gu");

/** Whether a text may be what somebody calls a thing, where a schema can't say so of one alone. */
export function isWords(text: string): boolean {
  return !SOME.test(text);
}

/** What others wrote, for a terminal: what would move its cursor, end a line or not be seen is shown by its number. */
export function visible(text: string): string {
  return text.replace(EACH, (sign) => {
    const number = (sign.codePointAt(0) ?? 0).toString(16);
    return number.length > 4 ? `\\u{${number}}` : `\\u${number.padStart(4, "0")}`;
  });
}

/** The same of what has lines and columns, such as a file. */
export function visibleLines(text: string): string {
  return text
    .split(/(\r?\n|\t)/)
    .map((part, index) => (index % 2 === 0 ? visible(part) : part))
    .join("");
}
