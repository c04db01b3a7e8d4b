import { type OwnServer, startTestServer, TEST_SERVER } from "./support/server.ts";

let server: OwnServer | undefined;

/** One embedded server for the whole run; files find it through the environment. */
export async function globalSetup(): Promise<void> {
  server = await startTestServer();
  const { admin, superuser, secret, template, base } = server;
  process.env[TEST_SERVER] = JSON.stringify({ admin, superuser, secret, template, base });
}

export async function globalTeardown(): Promise<void> {
  await server?.stop();
}
