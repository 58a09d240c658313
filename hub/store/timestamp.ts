/** The store's calendar ends before JavaScript's. */
const storeTimestampMaxMs = Date.UTC(2262, 0, 1)

/** A time as the store takes it; one outside of its calendar becomes the nearest inside. */
export function timestamp(epochMs: number): string {
  return new Date(Math.min(Math.max(epochMs, 0), storeTimestampMaxMs)).toISOString()
}
