import type { OrgPrincipal } from "../../src/access/principal.ts";
import { insertCalculations } from "../../src/calculations/store.ts";
import type { ResultsTx } from "../../src/db/results.ts";
import type { EngineAdapter, EngineAtHand, Recorded, RecordInput } from "../../src/engines/adapter.ts";
import type { EngineInstall } from "../../src/engines/engine.ts";
import { AppError, type ErrorKind } from "../../src/errors.ts";
import type { RunOutcome } from "../../src/executors/executor.ts";
import { newId, sha256 } from "../../src/ids.ts";
import { registerMolecules } from "../../src/molecules/store.ts";
import type { TaskSpec } from "../../src/pipelines/schema.ts";
import { upsertProtocols } from "../../src/protocols/store.ts";
import type { TestContext } from "./context.ts";
import { submitRequested } from "./submit-jobs.ts";

/** Engine name of fake tasks; the queue takes any. */
export const FAKE = "fake";

type Params = { script: string };
type Result = { energy_eh: number; stdout: string; wall_seconds: number };

/** Exit codes by which a script says what kind of failure it means; any other but 0 is a crash. */
export const EXIT = { bad_input: 65, engine_refused: 66 } as const;

export type FakeOptions = {
  /** Called in the transaction that records, before it writes: a place to fail or to wait. */
  recording?: () => Promise<void>;
  /** Called before the program starts, with no transaction open. */
  preparing?: () => Promise<void>;
  time_limit_seconds?: number;
};

/**
 * An engine whose program is a shell script out of the job's parameters, run by the real executor. What it
 * prints is its energy; a result is one row of `calculations`.
 */
export function fakeEngine(options: FakeOptions = {}): EngineAtHand {
  const install: EngineInstall = {
    name: "xtb", // the registry's names are closed; the queue's are not
    version: "0.0.1",
    path: "/bin/sh",
    fingerprint: sha256("fake"),
    env: {},
  };
  const adapter: EngineAdapter<Params, null, Result, null> = {
    name: "xtb",
    probe: async () => ({ name: "xtb", found: true, install }),
    load: async () => null,
    async prepare(_services, _lend, task) {
      await options.preparing?.();
      const script = task.params["script"];
      if (typeof script !== "string") throw new AppError("bad_input", "this job has no script");
      // What an earlier task handed on, where the recipe refers to it.
      const seen = script.replaceAll("{seen}", String(task.params["seen"]));
      return { params: { script: seen }, input: null, molecule_id: null, structure_id: newId() };
    },
    check() {},
    signature: (_install, params) => ({ script: params.script }),
    plan: (_install, params) => ({
      program: install.path,
      args: ["-c", params.script],
      env: { PATH: "/usr/bin:/bin" },
      files: {},
      time_limit_seconds: options.time_limit_seconds ?? 30,
      memory_limit_bytes: 1024 ** 3,
    }),
    parse: async (_params, _input, outcome) => parse(outcome),
    outputs: (result) => [
      { key: "out.txt", content_type: "text/plain", bytes: Buffer.from(`${result.stdout}\n`) },
    ],
    log: (result) => result.stdout,
    async record(tx, items) {
      await options.recording?.();
      const recorded: Recorded[] = [];
      for (const item of items) recorded.push(await recordOne(tx, item));
      return recorded;
    },
  };
  return { adapter: adapter as unknown as EngineAtHand["adapter"], install };
}

async function recordOne(tx: ResultsTx, item: RecordInput<Params, null, Result>): Promise<Recorded> {
  const { task, result, stored } = item;
  const [protocol_id = ""] = await upsertProtocols(tx, [
    {
      params_hash: sha256("fake"),
      task: "fake",
      program: "sh",
      program_version: "1",
      params: {},
    },
  ]);
  const [calculation_id] = await insertCalculations(tx, [
    { row: calculation(task, protocol_id, result), atoms: [] },
  ]);
  for (const [key, { uri, size_bytes, checksum, content_type }] of stored) {
    const named = { job_id: task.job_id, key: `${task.task_name}/${key}` };
    await tx
      .insertInto("job_outputs")
      .values({ ...named, uri, size_bytes, checksum, content_type })
      .execute();
  }
  return {
    schema_version: "1",
    checks: [{ name: "exit", passed: true, weight: 1 }],
    confidence_score: 1,
    result_data: { calculation_id },
    outputs: { energy_eh: { value: result.energy_eh } },
    result_hash: sha256(result.stdout),
    wall_seconds: result.wall_seconds,
    cpu_seconds: null,
  };
}

function parse(outcome: RunOutcome): Result {
  const { exit_code, timed_out, stdout, wall_seconds } = outcome;
  if (timed_out) throw new AppError("timeout", "the script took too long");
  const kind = (Object.keys(EXIT) as (keyof typeof EXIT)[]).find((name) => EXIT[name] === exit_code);
  if (exit_code !== 0)
    throw new AppError((kind ?? "crashed") as ErrorKind, `the script ended with ${exit_code}`);
  return { energy_eh: Number(stdout), stdout: stdout.trim(), wall_seconds };
}

function calculation(
  task: { job_id: string; owner_id: string; visibility: "private" | "organization" },
  protocol_id: string,
  result: Result,
): Parameters<typeof insertCalculations>[1][number]["row"] {
  return {
    molecule_id: null,
    job_id: task.job_id,
    protocol_id,
    structure_id: null,
    optimized_structure_id: null,
    method: "fake",
    solvation_model: null,
    solvent: null,
    charge: 0,
    multiplicity: 1,
    unpaired_electrons: 0,
    electronic_temperature_k: null,
    energy_eh: result.energy_eh,
    solvation_energy_eh: null,
    homo_ev: null,
    lumo_ev: null,
    gap_ev: null,
    orbital_energies_ev: null,
    orbital_occupations: null,
    dipole_x_debye: null,
    dipole_y_debye: null,
    dipole_z_debye: null,
    dipole_debye: null,
    partial_charge_sum: null,
    scf_converged: null,
    geometry_converged: null,
    optimization_cycles: null,
    gradient_norm_eh_per_bohr: 0,
    connectivity_preserved: null,
    quality_flags: [],
    wall_seconds: result.wall_seconds,
    cpu_seconds: null,
    program: "xtb",
    program_version: "1",
    xyz_file_hash: null,
    output_uri: null,
    trajectory_uri: null,
    owner_id: task.owner_id,
    visibility: task.visibility,
  };
}

export type FakeJob = {
  /** Task name → what must complete before it. One task called `run` where not given. */
  graph?: Record<string, string[]>;
  script?: string;
  max_attempts?: number;
  visibility?: "private" | "organization";
  priority?: number;
  /** Answer from what is known: false where not said, so that jobs of equal scripts run. */
  reuse?: boolean;
  /** Parameters of single tasks, in place of the job's script. */
  params?: Record<string, Record<string, unknown>>;
  time_limit_seconds?: number;
  /** Tell the metadata database at once, as a submission does. */
  relay?: boolean;
};

let serial = 0;

/** Births one job of shell scripts as a submission does, without any chemistry. Returns its id. */
export async function submitScript(
  context: TestContext,
  principal: OrgPrincipal,
  job: FakeJob = {},
): Promise<string> {
  const { graph = { run: [] }, script = "echo -1.5", max_attempts = 3, relay = true } = job;
  const tasks = Object.fromEntries(
    Object.entries(graph).map(([name, after]): [string, TaskSpec] => [
      name,
      {
        ...{ task: "fake", task_version: "1", engine: FAKE, after, max_attempts },
        params: job.params === undefined ? {} : { script, ...job.params[name] },
        ...(job.time_limit_seconds === undefined ? {} : { time_limit_seconds: job.time_limit_seconds }),
      },
    ]),
  );
  const pipeline = {
    pipeline_id: newId(),
    pipeline_version_id: newId(),
    name: "fake",
    version: "1",
    // With declared parameters those of a job go only where a task asks for them.
    spec: { version: "1", ...(job.params === undefined ? {} : { params: {} }), tasks },
  };
  const jobs = await context.results.transact(principal, async (scope) => {
    const text = `C${++serial} ${process.pid}`;
    const [molecule] = await registerMolecules(scope.tx, [
      {
        species: madeUpSpecies(text),
        registration: {
          owner_id: principal.user_id,
          visibility: job.visibility ?? "organization",
          name: null,
          input_text: text,
          source_file: null,
          source_row: null,
          properties: {},
        },
      },
    ]);
    return submitRequested(
      scope,
      {
        pipeline,
        owner_id: principal.user_id,
        visibility: job.visibility ?? "organization",
        priority: job.priority ?? 5,
        reuse: job.reuse ?? false,
      },
      [
        {
          inputs: [
            {
              key: "molecule",
              molecule_id: molecule?.molecule_id ?? "",
              structure_id: null,
              identity: madeUpSpecies(text).identity_key,
            },
          ],
          params: { script },
        },
      ],
    );
  });
  await context.results.touch(principal.org_id);
  if (relay) await context.results.relay(principal.org_id);
  return jobs[0]?.job_id ?? "";
}

/** A species that no toolkit saw: enough for rows that only need to exist. */
export function madeUpSpecies(text: string): Parameters<typeof registerMolecules>[1][number]["species"] {
  return {
    identity_key: `S1-${sha256(text)}`,
    identity_kind: "smiles",
    identity_version: 1,
    inchi: null,
    inchikey: null,
    compound_key: "AAAAAAAAAAAAAA-AAAAAAAAAA",
    skeleton_key: "AAAAAAAAAAAAAA",
    smiles: text,
    formula: "C",
    charge: 0,
    stereo_status: "none",
    undefined_centres: 0,
    toolkit_version: "test",
    heavy_atoms: 1,
    molecular_weight: 12,
    exact_mass: 12,
    clogp: 0,
    tpsa_angstrom2: 0,
    hbd: 0,
    hba: 0,
    rotatable_bonds: 0,
    rings: 0,
    fsp3: 0,
    has_metal: false,
    radical_electrons: 0,
    elements: ["C"],
  };
}
