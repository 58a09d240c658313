import { visitorsNamedIn } from '#shared/refusal-names.ts'
import type { Erasure } from '../registry/registry.ts'
import { covers } from './coverage.ts'

type Row = Readonly<Record<string, unknown>>

/**
 * The orders that records in the log may still fall under, in memory, so that the consumer stores nothing
 * of the erased. Bounded by whoever fills it (`ordersMax` of eraser.ts).
 */
export class Erasures {
  #byVisitor = new Map<string, Erasure[]>()
  readonly #storing = new Set<Promise<unknown>>()

  replace(orders: readonly Erasure[]): void {
    this.#byVisitor = Map.groupBy(orders, ({ site, visitor }) => nameOf(site, visitor))
  }

  /** Rows by table, without those of visitors who were to be erased when they were made. */
  without<Rows extends Record<string, Row[]>>(rows: Rows): Rows {
    if (this.#byVisitor.size === 0) return rows
    const kept = Object.entries(rows).map(([table, ofTable]) => [
      table,
      ofTable.filter((row) => !this.#isErased(row)),
    ])
    return Object.fromEntries(kept) as Rows
  }

  /** Runs what stores records; `settled` waits for it. */
  async storing(run: () => Promise<void>): Promise<void> {
    const storing = run()
    this.#storing.add(storing)
    try {
      await storing
    } finally {
      this.#storing.delete(storing)
    }
  }

  /** Resolves when what is being stored now is stored: it was chosen before the orders of this moment. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#storing])
  }

  #isErased(row: Row): boolean {
    const atMs = Date.parse(String(row.received_at ?? row.at))
    const origin = { pop: row.pop, epoch: row.epoch, atMs }
    return visitorsOf(row).some((visitor) =>
      this.#byVisitor
        .get(nameOf(String(row.site), visitor))
        ?.some((order) => covers(order, origin)),
    )
  }
}

function nameOf(site: string, visitor: string): string {
  return JSON.stringify([site, visitor])
}

/** Whose a row is: its visitor's, or theirs whom a refusal names in its body or its identity. */
function visitorsOf({ visitor, body, identity }: Row): string[] {
  if (typeof visitor === 'string') return [visitor]
  return [...visitorsNamedIn(String(body ?? '')), ...visitorInIdentity(String(identity ?? ''))]
}

function visitorInIdentity(identity: string): string[] {
  try {
    const [, , visitor] = JSON.parse(identity.slice(0, identity.lastIndexOf(']') + 1))
    return [String(visitor)]
  } catch {
    return []
  }
}
