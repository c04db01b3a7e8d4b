import type { FastifyInstance } from "fastify";
import { AppError } from "../errors.ts";
import { oncePer } from "../once-per.ts";
import type { Services } from "../services.ts";
import type { Life } from "./life.ts";
import { selectNothing } from "./probes-store.ts";
import { within } from "./within.ts";

/** A probe that waits is a probe that failed. */
const PATIENCE_S = 2;
/** Anybody may ask, however often: the database is asked once in this time. */
const BELIEVED_MS = 1000;

/** `/healthz`: this process lives. `/readyz`: it can work, and is not leaving. Neither says more to strangers. */
export function addProbes(app: FastifyInstance, { metadata }: Services, life: Life): void {
  const look = oncePer(BELIEVED_MS, () => metadata.system(selectNothing));
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
      await within(PATIENCE_S, never, look);
      return { status: "ok" };
    },
  });
}
