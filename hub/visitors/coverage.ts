import type { Erasure } from '../registry/registry.ts'

/** The target that confirms after all POPs, again after each that was away. */
export const storeTarget = 'store'

/** Who has not confirmed an order yet: POPs, and the store. Nobody: it is complete. */
export function waitingFor({ confirmations }: Erasure, popUrls: readonly string[]): string[] {
  const pops = popUrls.filter((url) => !confirmations.some(({ target }) => target === url))
  return confirmations.at(-1)?.target === storeTarget ? pops : [...pops, storeTarget]
}

/** The last erased epoch of each POP that has confirmed, by the POP's id. */
export function erasedEpochs({ confirmations }: Erasure): Map<string, number> {
  const epochs = new Map<string, number>()
  for (const { pop, epoch } of confirmations) {
    if (pop !== null && epoch !== null) epochs.set(pop, Math.max(epoch, epochs.get(pop) ?? 0))
  }
  return epochs
}

/** Where a record of the erased visitor comes from. */
export interface Origin {
  readonly pop: unknown
  readonly epoch: unknown
  /** NaN where there is no telling. */
  readonly atMs: number
}

/**
 * Whether an order covers a record of its visitor. A POP that has confirmed says it exactly, by epoch and
 * without comparing clocks; until then it is what was made before the order.
 */
export function covers(order: Erasure, { pop, epoch, atMs }: Origin): boolean {
  const erasedUpTo = erasedEpochs(order).get(String(pop))
  if (erasedUpTo !== undefined && typeof epoch === 'number') return epoch <= erasedUpTo
  return !(atMs > order.at.getTime())
}
