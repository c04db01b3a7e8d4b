import assert from "node:assert/strict";
import { test } from "node:test";
import { signatureOf } from "../canonical.ts";
import { signTask } from "./sign.ts";

const sign = (params: Record<string, unknown>, molecule_id: string | null, seed = 42) =>
  signTask({ task: "vina.dock", seed }, { params }, { molecule_id });

test("a signature is the SHA-256 of the document that is kept beside it", () => {
  const { signature, document } = sign({ site_id: "s", seed: 1 }, "m");
  assert.deepEqual(document, { task: "vina.dock", seed: 42, subject: { molecule_id: "m", site_id: "s" } });
  assert.equal(signature, signatureOf(document));
});

test("numbers stand under the molecule and the site that they were computed for, whatever else the task was told", () => {
  const all = [
    sign({ site_id: "s" }, "m"),
    sign({ site_id: "t" }, "m"),
    sign({}, "m"),
    sign({ site_id: "s" }, null),
  ];
  assert.equal(new Set(all.map(({ signature }) => signature)).size, all.length);
  assert.equal(sign({ site_id: "s", name: "mine" }, "m").signature, all[0]?.signature);
});
