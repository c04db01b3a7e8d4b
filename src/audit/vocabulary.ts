import { closestName } from "../edit-distance.ts";
import { AppError } from "../errors.ts";

/** Kinds of things that something is done to, as the log says them; lists that are exported are `export`. */
export const ENTITY_TYPES: readonly string[] = [
  ...["api_key", "batch", "binding_site", "docking", "export", "installation", "invitation", "job", "member"],
  ...["molecule", "organization", "pipeline", "result_cache", "role", "service", "session", "structure"],
  ...["user", "worker"],
];

/** What the log says was done: operations that change something, lists that may be exported, and the machinery. */
export const ACTIONS: { readonly [noun: string]: readonly string[] } = {
  audit: ["list"],
  auth: [
    "change_password",
    "login",
    "login_failed",
    "logout",
    "refresh",
    "refresh_reused",
    "reset",
    "switch",
  ],
  batch: ["add", "cancel", "create", "items", "list", "pause", "resume", "retry", "seal"],
  calculation: ["query", "submit"],
  docking: ["export", "query", "submit"],
  event: ["list"],
  engine: ["list"],
  failure: ["list", "retry"],
  invitation: ["list", "revoke"],
  job: ["cancel", "list", "outputs", "retry", "submit"],
  key: ["create", "list", "revoke"],
  lane: ["set"],
  member: ["accept", "add", "invite", "list", "remove", "roles"],
  molecule: ["add", "delete", "list"],
  org: [
    ...["adopt", "configure", "create", "delete", "list", "purge", "reindex", "resume", "rotate_credentials"],
    ...["settings", "suspend"],
  ],
  pipeline: ["create", "list", "publish", "run"],
  protocol: ["list"],
  receptor: ["list", "prepare"],
  role: ["create", "delete", "list", "update"],
  seed: [],
  service: ["create"],
  site: ["create", "list", "validate"],
  structure: ["add", "list"],
  user: [
    ...["create", "disable", "enable", "erase", "export", "list", "reset", "reset_password", "set_password"],
  ],
  cache: ["prune", "stats"],
  worker: ["drain"],
};

/** Throws AppError bad_input, with those that there are, where the log never says such a thing. */
export function refuseUnknownWords(asked: { action?: string; entity_type?: string }): void {
  const { action, entity_type } = asked;
  if (action !== undefined) refuseAction(action);
  if (entity_type !== undefined && !ENTITY_TYPES.includes(entity_type))
    throw unknown("/entity_type", { what: "kind of thing", text: entity_type, known: ENTITY_TYPES });
}

function refuseAction(action: string): void {
  const [noun = "", verb] = action.split(".");
  const verbs = Object.hasOwn(ACTIONS, noun) ? ACTIONS[noun] : undefined;
  if (verbs === undefined)
    throw unknown("/action", { what: "action", text: action, known: Object.keys(ACTIONS) });
  if (verb !== undefined && !verbs.includes(verb))
    throw unknown("/action", {
      what: "action",
      text: action,
      known: [noun, ...verbs.map((one) => `${noun}.${one}`)],
    });
}

function unknown(
  path: string,
  { what, text, known }: { what: string; text: string; known: readonly string[] },
): AppError {
  const near = closestName(text, [...known], 2);
  const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
  return new AppError(
    "bad_input",
    `the log knows no ${what} ${JSON.stringify(text)}${hint}: there are ${known.join(", ")}`,
    {
      fields: [{ path, rule: `must be one of ${known.join(", ")}` }],
    },
  );
}
