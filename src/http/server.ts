import { isIP } from "node:net";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { principalOf } from "../access/authenticate.ts";
import { NOBODY } from "../access/principal.ts";
import type { Context } from "../context.ts";
import { AppError } from "../errors.ts";
import { FOLLOWS, OPERATIONS } from "../features.ts";
import type { Follow, Operation } from "../operation.ts";
import { countAsker } from "./asker.ts";
import { BodyBudget } from "./body-budget.ts";
import { LARGEST_BODY_BYTES, STRANGERS_BODY_BYTES } from "./body-limit.ts";
import { assertPlainly } from "./framework-errors.ts";
import { requestIdOf, setHeaders } from "./headers.ts";
import { Life } from "./life.ts";
import { addMetrics } from "./metrics.ts";
import { addPages } from "./pages.ts";
import { addProbes } from "./probes.ts";
import { addProblems, answerSocket, sendFrameworkProblem } from "./problems.ts";
import { PACE, type Pace } from "./read-body.ts";
import { logRequest } from "./request-log.ts";
import { addRoutes, noteMethods, refuseOtherMethods, refuseUnknownPaths } from "./routes.ts";
import { takeBodies } from "./take-body.ts";
import { mayWait } from "./waiting.ts";

export type ServerOptions = {
  /** What the server has in its hands, for who wants to stop it in order. */
  life?: Life;
  /** The largest body that is taken of any operation. */
  body_bytes?: number;
  /** How many bytes of bodies may be under way at once. */
  bodies?: BodyBudget;
  /** How fast they have to come. */
  pace?: Pace;
  /** How long the bytes of a request may take to arrive. */
  arrive_ms?: number;
  /** How long a connection may be silent while it is answered. */
  silent_ms?: number;
  beat_ms?: number;
  operations?: readonly Operation[];
  follows?: readonly Follow[];
};

/** Address and all headers: longer questions go in a body. */
const HEADER_BYTES = 16 * 1024;
/** Longer than proxies keep a connection (a minute), so that they and not we end it. */
const KEEP_ALIVE_MS = 72_000;
const ARRIVE_MS = 60_000;

/**
 * The one builder of the API, for `serve`, `up` and tests: every operation and everything to follow, with answers,
 * problems, limits and headers. It listens to nothing yet; who builds it closes it. Throws where an operation
 * declares no permission.
 */
export async function buildServer(context: Context, options: ServerOptions = {}): Promise<FastifyInstance> {
  const { log, config } = context;
  const timeout_seconds = config.api.request_timeout_seconds;
  const life = options.life ?? new Life();
  const proxies = checkedProxies(config.api.trusted_proxies);
  const operations = options.operations ?? (OPERATIONS as unknown as Operation[]);
  const follows = options.follows ?? FOLLOWS;
  const app = fastify({
    logger: false,
    // Each route has its own; this is of those that have no body.
    bodyLimit: STRANGERS_BODY_BYTES,
    exposeHeadRoutes: false,
    // What comes while we leave is answered: `stop` sees to it that it ends.
    return503OnClosing: false,
    genReqId: requestIdOf,
    trustProxy: proxies.length === 0 ? false : proxies,
    requestTimeout: options.arrive_ms ?? ARRIVE_MS,
    connectionTimeout: options.silent_ms ?? timeout_seconds * 1000 + ARRIVE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: options.arrive_ms ?? ARRIVE_MS,
      connectionsCheckingInterval: Math.min(1000, options.arrive_ms ?? ARRIVE_MS),
    },
    // Names of organizations, sites and pipelines stand in paths, in UTF-8 of three letters a byte.
    routerOptions: { maxParamLength: 2000, querystringParser: () => ({}) },
    clientErrorHandler: answerSocket,
    frameworkErrors: (error, request, reply) => {
      if (mayWait(request, reply)) sendFrameworkProblem(error, request, reply, log);
    },
  });
  addProblems(app, log);
  const allowed = noteMethods(app);
  app.addHook("onRequest", async (request, reply) => {
    if (!mayWait(request, reply)) return reply;
    life.count(reply);
    setHeaders(request, reply);
    if (life.draining) reply.header("connection", "close");
    logRequest(request, reply, log);
    assertPlainly(request);
  });
  const bodies = options.bodies ?? new BodyBudget();
  takeBodies(app, bodies, options.pace ?? PACE);
  const countNobody = (request: FastifyRequest, reply: FastifyReply) =>
    countAsker(context, NOBODY, request, reply);
  const { metrics_token } = config.api;
  if (metrics_token !== undefined) addMetrics(app, metrics_token, { context, life, bodies }, countNobody);
  refuseUnknownPaths(app, countNobody);
  addProbes(app, context, life);
  addPages(app, operations, follows, countNobody);
  const routing = {
    services: context,
    timeout_seconds,
    life,
    principalOf,
    body_bytes: options.body_bytes ?? LARGEST_BODY_BYTES,
    ...(options.beat_ms === undefined ? {} : { beat_ms: options.beat_ms }),
  };
  addRoutes(app, routing, operations, follows);
  refuseOtherMethods(app, allowed, countNobody);
  await app.ready();
  return app;
}

/**
 * Addresses and networks (10.0.0.0/8). Throws AppError usage: a proxy that is misspelled must not be believed by
 * accident.
 */
function checkedProxies(proxies: string[]): string[] {
  for (const proxy of proxies) {
    const [address = "", bits, ...more] = proxy.split("/");
    const version = isIP(address);
    const most = version === 6 ? 128 : 32;
    const isNetwork = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most);
    if (version !== 0 && isNetwork && more.length === 0) continue;
    throw new AppError("usage", `settings: API_TRUSTED_PROXIES: "${proxy}" is no address and no network`);
  }
  return proxies;
}
