/**
 * `make fuzz [REQUESTS=5000] [SEED=1]`: starts Aliquot in a home of its own and lets two fuzzers at it that know its
 * OpenAPI document alone: ours, and schemathesis where Python and PyPI are at hand. Ends with 1 where one finds anything.
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
const ENTRY = join(ROOT, "bin/aliquot.js");
const PASSWORD = "a password for fuzzing only";
const {
  REQUESTS = "5000",
  SEED = String(Date.now() % 1_000_000),
  SCHEMATHESIS = "schemathesis",
} = process.env;
/** They end who asks, or the organization that is asked in. */
const LEFT_OUT = "/v1/(auth/(logout|change-password)|users/|orgs/[{]org[}](/suspend)?$)";
const CHECKS =
  "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

const base = mkdtempSync(join(tmpdir(), "aliquot-fuzz-"));
chmodSync(base, 0o755);
const env = { ...process.env, ALIQUOT_HOME: join(base, "home"), ADMIN_PASSWORD: PASSWORD, API_PORT: "0" };
const aliquot = (...words: string[]) =>
  spawnSync(process.execPath, [ENTRY, ...words], { env, encoding: "utf8" });
try {
  process.exitCode = await run();
} finally {
  aliquot("down", "--purge", "--yes");
  rmSync(base, { recursive: true, force: true });
}

async function run(): Promise<number> {
  const up = aliquot("up", "--detach", "--workers", "0", "--port", "0");
  const url = /https?:\/\/[\w.:[\]]+/.exec(up.stdout + up.stderr)?.[0];
  if (url === undefined) throw new Error(`no server: ${up.stdout}${up.stderr}`);
  const token = await signIn(url);
  const ours = await watch(
    process.execPath,
    [...[join(import.meta.dirname, "main.ts"), url], ...["--requests", REQUESTS, "--seed", SEED]],
    token,
  );
  return Math.max(ours, await schemathesis(url, token));
}

/** A token of the operator, and limits out of the way. */
async function signIn(url: string): Promise<string> {
  const ask = async (method: string, path: string, body: object, token?: string) => {
    const headers = {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const response = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
    return (await response.json()) as { access_token: string };
  };
  const named = { username: "admin", password: PASSWORD, org: "default" };
  const { access_token } = await ask("POST", "/v1/auth/login", named);
  const set = { rate_limit_per_minute: 1_000_000, rate_limit_organization_per_minute: 10_000_000 };
  await ask("PATCH", "/v1/orgs/default/settings", { set }, access_token);
  return access_token;
}

/** In an environment of its own; 0 with a line where there is no Python, or no package to be had. */
async function schemathesis(url: string, token: string): Promise<number> {
  const place = join(base, "python");
  const made = spawnSync("python3", ["-m", "venv", place]);
  const got =
    made.status === 0
      ? spawnSync(join(place, "bin/pip"), ["install", "-q", "--disable-pip-version-check", SCHEMATHESIS])
      : made;
  if (got.status !== 0) {
    console.log("schemathesis: not run, as Python or its package is not to be had here");
    return 0;
  }
  return watch(
    join(place, "bin/schemathesis"),
    [
      ...["run", `${url}/v1/openapi.json`, "--header", `Authorization: Bearer ${token}`],
      ...["--checks", CHECKS, "--exclude-path-regex", LEFT_OUT, "--max-examples", "15", "--seed", SEED],
      ...["--phases", "examples,fuzzing", "--request-timeout", "60"],
    ],
    token,
  );
}

function watch(program: string, words: string[], token: string): Promise<number> {
  const child = spawn(program, words, { stdio: "inherit", env: { ...process.env, FUZZ_TOKEN: token } });
  return new Promise((resolve) => child.on("close", (status) => resolve(status ?? 1)));
}
