import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { inOrganization } from "../../src/access/policy.ts";
import { localPrincipal } from "../../src/access/principal.ts";
import { parseConfig } from "../../src/config.ts";
import { findEngines } from "../../src/engines/registry.ts";
import { startServer } from "../../src/http/start.ts";
import { addMolecules } from "../../src/molecules/operations.ts";
import { perform } from "../../src/perform.ts";
import { makeOrg, openTestContext } from "../support/context.ts";
import { PASSWORD, setPassword } from "../support/identity.ts";
import { startWorker } from "../support/worker.ts";

const WITHOUT = ["bash", "curl", "jq", "xtb"].filter(
  (name) => spawnSync(name, ["--version"]).error !== undefined,
);

const HAS_REQUESTS = spawnSync("python3", ["-c", "import requests"]).status === 0;

const guide = readFileSync(join(import.meta.dirname, "../../docs/api.md"), "utf8");

type Step = { command: string; prints: string | RegExp };

/** Commands of the guide, each with what it prints. */
function guideSteps(): Step[] {
  return [...guide.matchAll(/^```console\n(.*?)^```/gms)].flatMap(([, block = ""]) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const [command = "", ...prints] = step.split("\n");
        return { command, prints: prints.join("\n").trim() };
      }),
  );
}

/** The guide's program, where Python has what it imports: it asks with the key that was made before. */
function program(): Step[] {
  const [, lines = ""] = /^```python\n(.*?)^```/ms.exec(guide) ?? [];
  assert.match(lines, /ALIQUOT_API_KEY/);
  const command = `python3 - <<'END'\n${lines}END\nhead -n 1 water.xyz`;
  return HAS_REQUESTS ? [{ command, prints: /^O -5\.0705\d* Eh 14\.\d* eV\n3$/ }] : [];
}

test("what is kept in a file is no error", () => {
  const kept = [...guide.matchAll(/^\$ .* -(o|OJ)\b.*$/gm)]
    .map(([line]) => line)
    .filter((line) => !line.includes("-o /dev/null"));
  assert.ok(kept.length > 0);
  for (const line of kept) assert.match(line, / (-f|--fail-with-body) /);
});

test("the commands of docs/api.md print what the guide says", {
  skip: WITHOUT.join(", ") || false,
}, async () => {
  const steps = [...guideSteps(), ...program()];
  assert.ok(steps.length > 15, "the guide was not read");
  const context = await openTestContext({ after });
  // As after a first `aliquot up`: an organization with molecules in it, and the admin's password.
  const { org_id } = await makeOrg(context, "default");
  const admin = inOrganization(await localPrincipal(context.metadata, "admin", org_id));
  await perform(context, addMolecules, admin, {
    records: [{ text: "c1ccccc1C", format: "smiles", name: "toluene" }],
  });
  await setPassword(context, admin.user_id, PASSWORD);
  const server = await startServer(context, { host: "127.0.0.1", port: 0 });
  after(() => server.kill());
  const { engines } = await findEngines(parseConfig({ PATH: process.env["PATH"] ?? "" }).config);
  const worker = startWorker({ after }, context, { engines, lease_seconds: 30 });
  const folder = mkdtempSync(join(tmpdir(), "aliquot-api-guide-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const mark = "-- end of a step --";
  const script = steps.map(({ command }) => `${command}\necho; echo '${mark}'`).join("\n");
  const bash = spawn("bash", ["-c", script], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", ALIQUOT_URL: server.url, PASSWORD },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const printed = (await bash.stdout.setEncoding("utf8").toArray()).join("").split(`${mark}\n`);
  for (const [index, { command, prints }] of steps.entries())
    if (typeof prints === "string") assert.equal(printed[index]?.trim(), prints, command);
    else assert.match(printed[index]?.trim() ?? "", prints, command);
  await worker.stop();
});
