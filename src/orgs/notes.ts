import type { MetadataDoor } from "../db/metadata.ts";
import type { OrgPlace } from "./place.ts";
import type { ProvisionSettings } from "./provision-settings.ts";
import { noteStep, type StepNote } from "./provision-store.ts";

const STEPS = ["requested", "role", "database", "grants", "verified"];

/** True of a database that provisioning did not get to its end. */
export function isUnfinished(state: string): boolean {
  return STEPS.includes(state);
}

/**
 * How far a provisioning got, written in order while the next step is at work already: what is noted was
 * done, what was done may not be noted yet. Never backwards: what an earlier try noted still stands.
 */
export class Notes {
  readonly #metadata: MetadataDoor;
  readonly #place: OrgPlace;
  readonly #onStep: ProvisionSettings["onStep"];
  #last: Promise<void> = Promise.resolve();

  constructor(metadata: MetadataDoor, place: OrgPlace, onStep: ProvisionSettings["onStep"]) {
    this.#metadata = metadata;
    this.#place = place;
    this.#onStep = onStep;
  }

  /** The step that this names has had its effect. */
  add(note: StepNote): void {
    this.#onStep?.(note.state, "done");
    this.#last = this.#last.then(() => this.#write(note));
    this.#last.catch(() => {}); // who waits in `written` sees it
  }

  /** Until all of them are written. Throws what kept one from it. */
  async written(): Promise<void> {
    await this.#last;
  }

  async #write(note: StepNote): Promise<void> {
    if (STEPS.indexOf(note.state) > STEPS.indexOf(this.#place.state)) {
      await this.#metadata.system((tx) => noteStep(tx, this.#place.org_id, note));
    }
    this.#onStep?.(note.state, "noted");
  }
}
