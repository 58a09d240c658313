/** The shortest and the longest wait after a failure. */
export interface Backoff {
  readonly minMs: number
  readonly maxMs: number
}

/**
 * How long to wait after so many failures in a row, ms: exponential, with a quarter of jitter so that many objects do
 * not knock at once; 0 after none. `random`: 0 to 1.
 */
export function backoffMs(failures: number, { minMs, maxMs }: Backoff, random: number): number {
  if (failures === 0) return 0
  return Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 10)) * (0.75 + random / 2)
}
