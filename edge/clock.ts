/** The one place where time comes from. */
export const clock = {
  /** Epoch ms. */
  now: () => Date.now(),
  /** Milliseconds since some moment. */
  stopwatch: () => performance.now(),
  wait: (ms: number) => scheduler.wait(ms),
}
