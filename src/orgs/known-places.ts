import type { MetadataDoor } from "../db/metadata.ts";
import type { SchemaWindow } from "../db/window.ts";
import { AppError } from "../errors.ts";
import type { OrgPlace } from "./place.ts";
import { checkPlace } from "./place-rules.ts";
import { selectOptionalPlace } from "./store.ts";

/** How long a process believes what the directory said of a place. */
export const PLACE_SECONDS = 5;

/** What this process believes of where organizations are: the directory's word, for a few seconds. */
export class KnownPlaces {
  readonly #metadata: MetadataDoor;
  readonly #window: SchemaWindow;
  readonly #known = new Map<string, { place: OrgPlace; until: number }>();
  readonly #finding = new Map<string, Promise<OrgPlace>>();

  constructor(metadata: MetadataDoor, window: SchemaWindow) {
    this.#metadata = metadata;
    this.#window = window;
  }

  /**
   * What is known for 5 s; who asks meanwhile shares the answer. Throws AppError not_found (no such organization),
   * unavailable, org_upgrading, app_too_old.
   */
  async open(orgId: string): Promise<OrgPlace> {
    const known = this.#known.get(orgId);
    if (known !== undefined && known.until > performance.now()) return known.place;
    const underWay = this.#finding.get(orgId);
    if (underWay !== undefined) return underWay;
    const finding = this.#find(orgId, known?.place);
    this.#finding.set(orgId, finding);
    try {
      const place = await finding;
      // Forgotten meanwhile: it may be what was so before.
      if (this.#finding.get(orgId) === finding) {
        this.#known.set(orgId, { place, until: performance.now() + PLACE_SECONDS * 1000 });
      }
      return place;
    } finally {
      if (this.#finding.get(orgId) === finding) this.#finding.delete(orgId);
    }
  }

  forget(orgId: string): void {
    this.#known.delete(orgId);
    this.#finding.delete(orgId);
  }

  async #find(orgId: string, known: OrgPlace | undefined): Promise<OrgPlace> {
    const place = await this.#askDirectory(orgId, known);
    if (place === undefined || place.status === "deleted" || place.state === "dropped")
      throw new AppError("not_found", "no such organization");
    checkPlace(place, this.#window);
    return place;
  }

  /** The directory's word; the last one known while the directory can't be asked, so that runs are recorded. */
  async #askDirectory(orgId: string, known: OrgPlace | undefined): Promise<OrgPlace | undefined> {
    try {
      return await this.#metadata.system((tx) => selectOptionalPlace(tx, orgId));
    } catch (error) {
      if (known !== undefined && error instanceof AppError && error.kind === "unavailable") return known;
      throw error;
    }
  }
}
