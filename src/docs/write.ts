import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../errors.ts";
import type { Page } from "./pages.ts";

export type PageState = { path: string; state: "same" | "differs" | "missing" };

/** How the pages in a folder compare with these. Throws AppError usage where the folder can't be read. */
export async function comparePages(folder: string, pages: readonly Page[]): Promise<PageState[]> {
  return Promise.all(
    pages.map(async ({ path, text }) => {
      const file = join(folder, path);
      const found = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw refused(file, error);
      });
      const state = found === undefined ? "missing" : found === text ? "same" : "differs";
      return { path: file, state };
    }),
  );
}

/** Writes the pages into a folder, which is made where there is none. Throws AppError usage where that fails. */
export async function writePages(folder: string, pages: readonly Page[]): Promise<void> {
  for (const { path, text } of pages) {
    const file = join(folder, path);
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    } catch (error) {
      throw refused(file, error as NodeJS.ErrnoException);
    }
  }
}

function refused(file: string, cause: NodeJS.ErrnoException): AppError {
  return new AppError("usage", `${file} can't be used (${cause.code}): name a folder that may be written`, {
    cause,
  });
}
