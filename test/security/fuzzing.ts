import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "../house/sources.ts";

/** Runs the fuzzer against a server, as somebody. */
export async function fuzz(
  url: string,
  token: string,
  { requests, seed }: { requests: number; seed: number },
): Promise<{ status: number | null; said: string }> {
  const words = [join(ROOT, "test/fuzz/main.ts"), url, "--requests", `${requests}`, "--seed", `${seed}`];
  const child = spawn(process.execPath, words, { env: { ...process.env, FUZZ_TOKEN: token } });
  let said = "";
  const hear = (text: Buffer) => {
    said += text.toString();
  };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", hear);
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, said };
}
