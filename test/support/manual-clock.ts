/** Time that passes when a test says so. */
export function manualClock() {
  let nowMs = 1
  const waiting = new Set<{ readonly untilMs: number; readonly wake: () => void }>()
  return {
    now: () => nowMs,
    wait: (ms: number) => new Promise<void>((wake) => waiting.add({ untilMs: nowMs + ms, wake })),
    pass: (ms: number) => {
      nowMs += ms
      for (const each of waiting) {
        if (each.untilMs > nowMs) continue
        waiting.delete(each)
        each.wake()
      }
    },
  }
}
