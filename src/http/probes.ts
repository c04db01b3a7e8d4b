import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import { AppError } from "../errors.ts";
import type { Services } from "../services.ts";
import type { Life } from "./life.ts";
import { within } from "./within.ts";

/** A probe that waits is a probe that failed. */
const PATIENCE_S = 2;

/** `/healthz`: this process lives. `/readyz`: it can work, and is not leaving. Neither says more to strangers. */
export function addProbes(app: FastifyInstance, { metadata }: Services, life: Life): void {
  app.route({
    method: ["GET", "HEAD"],
    url: "/healthz",
    handler: () => ({ status: "ok" }),
  });
  app.route({
    method: ["GET", "HEAD"],
    url: "/readyz",
    handler: async () => {
      if (life.draining) throw new AppError("unavailable", "this server is stopping");
      const never = new AbortController().signal;
      await within(PATIENCE_S, never, () => metadata.system((tx) => sql`SELECT 1`.execute(tx)));
      return { status: "ok" };
    },
  });
}
