// The server side of the HTTP benchmark: `HOME ORG` serves the API and, on another port, a bare server that answers
// with the same transaction. Prints where they are, and a token; ends when its standard input does.
import { fastify } from "fastify";
import { hashPassword } from "../src/access/passwords.ts";
import { localPrincipal } from "../src/access/principal.ts";
import { insertMembership } from "../src/access/store.ts";
import { buildServer } from "../src/http/server.ts";
import { newId } from "../src/ids.ts";
import { selectMolecules } from "../src/molecules/store.ts";
import { openHome } from "./lab.ts";

export type Served = { api: string; bare: string; token: string };

const PASSWORD = "a password for the bench only";
const [home = "", org_id = ""] = process.argv.slice(2);
await using context = await openHome(home);
const principal = { ...(await localPrincipal(context.metadata, "admin", org_id)), org_id };

const user_id = newId();
const username = `bench-${user_id}`;
const hashed_password = await hashPassword(PASSWORD);
await context.metadata.system(async (tx) => {
  const email = `${username}@example.org`;
  await tx.insertInto("users").values({ user_id, username, email, hashed_password }).execute();
  await insertMembership(tx, { user_id, org_id, role: "scientist" });
});

const api = await buildServer(context);
const apiAddress = await api.listen({ host: "127.0.0.1", port: 0 });
const signedIn = await api.inject({
  method: "POST",
  url: "/v1/auth/login",
  payload: { username, password: PASSWORD, org: org_id },
});
if (signedIn.statusCode !== 200) throw new Error(signedIn.body);

// The same rows by the same transaction, with nothing around it: no checks, no limits, no headers, no log.
const bare = fastify({ logger: false });
bare.get<{ Querystring: { limit?: string } }>("/molecules", async (request) => {
  const limit = Number(request.query.limit ?? 50);
  const items = await context.results.read(principal, ({ tx }) => selectMolecules(tx, { limit }, {}));
  return { items, next_cursor: null };
});
const bareAddress = await bare.listen({ host: "127.0.0.1", port: 0 });

const { access_token: token } = signedIn.json() as { access_token: string };
console.log(JSON.stringify({ api: apiAddress, bare: bareAddress, token } satisfies Served));
await new Promise((resolve) => process.stdin.on("end", resolve).resume());
await Promise.all([api.close(), bare.close()]);
