import type { OrgPrincipal } from "../access/principal.ts";
import type { StereoMode } from "../docking/schema.ts";
import type { JobInput } from "../jobs/submit.ts";
import type { IdentifiedRecord } from "../molecules/identify.ts";
import type { PublishedPipeline } from "../pipelines/store.ts";
import type { Services } from "../services.ts";
import type { StructureRow } from "../structures/store.ts";
import type { WantedSpecies } from "./known.ts";
import type { Choices, Params } from "./params.ts";

export type Call = { services: Services; principal: OrgPrincipal; signal?: AbortSignal | undefined };
type Visibility = "private" | "organization";

/** What is asked of a pipeline, beside the things that it is run on. */
export type AskedOfPipeline = {
  params?: Params;
  site?: string;
  stereo?: StereoMode;
  visibility?: Visibility;
};

/** How things that are added are read, now and later: kept with a batch. */
export type ReadingOptions = {
  stereo?: StereoMode;
  charge?: number;
  multiplicity?: number;
  vertical?: boolean;
  large?: boolean;
  seed?: number;
  source_file?: string;
};

/** All that the jobs of one request share. */
export type RequestPlan = {
  pipeline: PublishedPipeline;
  params: Params;
  inputs: JobInput[];
  visibility: Visibility;
  options: ReadingOptions;
};

/** `cause`: the value that makes it one, where that may have been asked for all. */
export type Refusal = { code: string; message: string; cause?: string };

/** What an engine makes of molecules and structures, as first task of a pipeline. */
export type EngineRequests = {
  /** Its name of a molecule that it computes. */
  molecule_key: string;
  /** What may be chosen of it, by its names, where a pipeline declares nothing. */
  choices: Choices;
  /** Of what may be chosen: says how things are read, and is no parameter of its tasks. */
  reading: readonly string[];
  /** Whether stereo that is not drawn is enumerated; else it is refused by `refuse`. */
  expands_stereo: boolean;
  /** Shared parameters and options, of what was asked with the sites as parameters. Throws AppError bad_input. */
  plan(
    pipeline: PublishedPipeline,
    task: string,
    asked: AskedOfPipeline,
  ): Pick<RequestPlan, "params" | "options">;
  /** Why a species can't be computed; undefined where it can. */
  refuse(species: IdentifiedRecord["found"], options: ReadingOptions): Refusal | undefined;
  /** Parameters of one species alone. */
  paramsOf(
    species: WantedSpecies,
    options: ReadingOptions,
    pipeline: PublishedPipeline,
    task: string,
  ): Params;
  /** Its name of a structure that it computes, and the parameters of one; null where it takes none. */
  structures: {
    key: string;
    /** Throws AppError engine_refused. */
    paramsOf(
      call: Call,
      row: StructureRow,
      options: ReadingOptions,
      pipeline: PublishedPipeline,
      task: string,
    ): Promise<Params>;
  } | null;
};
