import { AppError } from "../errors.ts";
import type { ClientOptions } from "./client.ts";
import { requestOf } from "./request.ts";
import type { Sender } from "./send.ts";

/** Who asks, as every request has it. */
export type Session = {
  /** What to send; undefined: nobody asks. */
  token(): Promise<string | undefined>;
  /** Another than `refused`, which the API did not take; undefined: there is none. Throws AppError. */
  renew(refused: string): Promise<string | undefined>;
};

/** What signing in and refreshing answer. */
export type Tokens = {
  access_token: string;
  /** Seconds. */
  expires_in: number;
  refresh_token: string;
  refresh_expires_at: string;
};

/** The session that options name. Throws AppError usage where they name two. */
export function sessionOf(options: ClientOptions, sender: Sender): Session {
  const { token, key, refresh, session, onTokens = () => {} } = options;
  if ([token, key, refresh, session].filter((one) => one !== undefined).length > 1)
    throw new AppError("usage", "say who asks in one way: token, key, refresh or session");
  if (session !== undefined) return session;
  if (refresh !== undefined) return new Refreshing(sender, refresh, onTokens);
  return { token: async () => token ?? key, renew: async () => undefined };
}

/** New tokens for a refresh token, which is no good any more then. Throws AppError unauthenticated. */
async function refreshTokens(sender: Sender, refresh_token: string): Promise<Tokens> {
  const request = requestOf("auth.refresh", { method: "POST", path: "/auth/refresh" }, { refresh_token });
  return (await sender.send(request)) as Tokens;
}

/** Fetches an access token when it is first needed and when one is refused, once for all who wait for it. */
class Refreshing implements Session {
  readonly #sender: Sender;
  readonly #onTokens: (tokens: Tokens) => void | Promise<void>;
  #refresh: string;
  #access: string | undefined;
  #fetching: Promise<string> | undefined;

  constructor(sender: Sender, refresh: string, onTokens: (tokens: Tokens) => void | Promise<void>) {
    this.#sender = sender;
    this.#refresh = refresh;
    this.#onTokens = onTokens;
  }

  async token(): Promise<string> {
    return this.#access ?? this.#fetch();
  }

  async renew(refused: string): Promise<string> {
    // Somebody else renewed it while this one was on its way.
    if (this.#access !== undefined && this.#access !== refused) return this.#access;
    return this.#fetch();
  }

  #fetch(): Promise<string> {
    this.#fetching ??= this.#exchange().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #exchange(): Promise<string> {
    const tokens = await refreshTokens(this.#sender, this.#refresh);
    this.#refresh = tokens.refresh_token;
    await this.#onTokens(tokens);
    this.#access = tokens.access_token;
    return tokens.access_token;
  }
}
