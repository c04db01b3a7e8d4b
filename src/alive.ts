/** A worker that was seen within this many seconds counts as alive; it says so every 10 s at the latest. */
export const ALIVE_SECONDS = 45;
