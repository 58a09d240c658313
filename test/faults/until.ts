import { setTimeout as wait } from 'node:timers/promises'

const askAgainMs = 50

/** Resolves when something holds; throws the sentence where it does not within the time. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeMaxMs: number,
  otherwise: string,
): Promise<void> {
  const giveUpAt = performance.now() + timeMaxMs
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(otherwise)
    await wait(askAgainMs)
  }
}
