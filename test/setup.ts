import { externalServer, startTestServer, TEST_SERVER, type TestServer } from "./support/server.ts";

let server: (TestServer & { stop(): Promise<void> }) | undefined;

/** One server for the whole run, embedded unless the environment names one; files find it through the environment. */
export async function globalSetup(): Promise<void> {
  server = (await externalServer(process.env)) ?? (await startTestServer());
  const { admin, superuser, secret, template, base } = server;
  process.env[TEST_SERVER] = JSON.stringify({ admin, superuser, secret, template, base });
}

export async function globalTeardown(): Promise<void> {
  await server?.stop();
}
