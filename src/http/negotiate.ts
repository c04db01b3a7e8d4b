import { HttpError } from "./http-error.ts";

/** Forms of an answer, as they are called in Accept. */
export const FORMS = {
  json: "application/json",
  csv: "text/csv",
  ndjson: "application/x-ndjson",
  events: "text/event-stream",
  bytes: "application/octet-stream",
} as const;
export type Form = keyof typeof FORMS;

type Wish = { type: string; q: number };

/**
 * The form that is wished for most among those that there are; the first of them where the asker does not mind.
 * Throws HttpError not_acceptable.
 */
export function formOf(accept: string | undefined, forms: readonly [Form, ...Form[]]): Form {
  const [first] = forms;
  if (accept === undefined || accept.trim() === "") return first;
  const wishes = wishesOf(accept);
  const liked = forms.map((form) => ({ form, q: likingOf(FORMS[form], wishes) }));
  const best = liked.reduce((a, b) => (b.q > a.q ? b : a));
  if (best.q > 0) return best.form;
  const names = forms.map((form) => FORMS[form]).join(", ");
  throw new HttpError("not_acceptable", `there is no such form of this answer: accept ${names}`);
}

function wishesOf(accept: string): Wish[] {
  return accept.split(",").map((part) => {
    const [type = "", ...params] = part.split(";").map((word) => word.trim().toLowerCase());
    const q = params.find((param) => param.startsWith("q="))?.slice(2);
    return { type, q: q === undefined ? 1 : Math.min(1, Math.max(0, Number(q) || 0)) };
  });
}

/** By the most particular wish that speaks of it. */
function likingOf(form: string, wishes: Wish[]): number {
  const [major = ""] = form.split("/");
  for (const type of [form, `${major}/*`, "*/*"]) {
    const wish = wishes.find((each) => each.type === type);
    if (wish !== undefined) return wish.q;
  }
  return 0;
}
