import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compress } from 'snappyjs'
import { rowOf } from '#hub/rows.ts'
import { openStore } from '#hub/store/open-store.ts'
import type { Store } from '#hub/store/store.ts'
import { at as itemAt, type Random, seededRandom } from '#hub/synthetic/random.ts'
import { makeShop } from '#hub/synthetic/shop.ts'
import type { DecisionRecord } from '#shared/contract.ts'
import { effectsToKeep, inputsOf } from '#shared/decision-inputs.ts'
import { featurise } from '#shared/features.ts'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import { RuleItem } from '#shared/policy/facts.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import { defaultPolicy } from '#shared/policy.ts'
import { detailsOf } from '#shared/told.ts'
import { countEvent, totalsAt } from '#shared/totals.ts'
import { shelfEvent } from '#test/support/events.ts'

// What it costs that a decision carries what its answer said of each item: the same decisions with that and without.

const itemsTotal = 36_000
const itemsShown = 20
const decisionsTotal = 20_000
const insertsTotal = 4
/** Of one send to Kafka, which is compressed as a whole. */
const decisionsPerSend = 200
const noonMs = Date.UTC(2026, 0, 5, 12)

const site = 'bench'
const place = { site, pop: 'bench', region: 'bench', epoch: noonMs, sequence: 1, position: 0 }

/** Bytes a decision of 20 items of a shop of 36,000, and how long the store takes for 20,000 of them. */
export async function toldFigures(): Promise<Record<string, number>> {
  const withDetails = makeDecisions()
  const without = withDetails.map(({ itemDetails: _, ...record }) => record)
  const stored = await storeFigures(withDetails, without)
  return {
    decisionRecordBytes: meanOf(withDetails, bytesOf),
    decisionRecordWithoutDetailsBytes: meanOf(without, bytesOf),
    decisionSnappyBytes: snappyBytesOf(withDetails),
    decisionSnappyWithoutDetailsBytes: snappyBytesOf(without),
    ...stored,
  }
}

function makeDecisions(): DecisionRecord[] {
  const { items: catalogue } = makeShop({ seed: 1, itemsTotal, categoriesTotal: 24 })
  const compiled = compilePolicy(defaultPolicy, catalogue)
  const home = compiled.placements.get('product-page') as CompiledPlacement
  const facts = catalogue.map((each, number) => new RuleItem(each, number))
  const byId = new Map(facts.map((each) => [each.id, each]))
  const item = (id: string) => byId.get(id)
  const random = seededRandom(2)
  return Array.from({ length: decisionsTotal }, (_, number) => {
    const at = noonMs + 40 * number
    const seen = Array.from({ length: 5 }, () => drawn(facts, random).id)
    const visit = { id: 's', events: 6, views: 5, carts: 1, purchases: 0, spend: 0, bot: false }
    const session = { ...visit, items: seen, startedAt: at - 60_000, lastAt: at }
    const event = shelfEvent({ timestamp: at, receivedAt: at })
    const totals = totalsAt(countEvent(null, event, null, null), at)
    const candidates = Array.from({ length: 2 * itemsShown }, (_, rank) => ({
      id: drawn(facts, random).id,
      score: random.unit() / (rank + 1),
    }))
    const asking = { session, totals, context: {}, at, item }
    const { scope, ...told } = scopeOf(compiled, { visitor: `a:${number % 2_000}`, ...asking })
    const known = { events: [], memory: null, itemsMax: itemsShown }
    const { items, answer, effects } = home.decide({
      ...{ ...known, scope, at, item, candidates, popular: [] },
    })
    const features = { ...featurise(session, () => true, at, 50), ...told }
    const of = { session, itemsSeen: seen.length, timeZone: 'UTC', popular: null }
    return {
      ...{ kind: 'decision', decisionId: crypto.randomUUID(), at, placement: 'product-page' },
      ...{ release: 'ab'.repeat(32), model: 'session-knn', fallback: null },
      ...{ session: `session-${number % 2_000}`, features, inputs: inputsOf({ ...known, ...of }) },
      ...{ effects: effectsToKeep('items', effects), answerKind: 'items', answer },
      ...{ items: items.map(({ id }) => id), scores: items.map(({ score }) => score) },
      itemDetails: detailsOf(items),
    }
  })
}

/** Few of the items are asked for often: by the logarithm of their rank all are as likely. */
function drawn(items: readonly RuleItem[], random: Random): RuleItem {
  return itemAt(items, Math.floor(items.length ** random.unit()) - 1)
}

const bytesOf = (record: DecisionRecord) => Buffer.byteLength(JSON.stringify(record))

function snappyBytesOf(records: readonly DecisionRecord[]): number {
  let bytes = 0
  for (let from = 0; from < records.length; from += decisionsPerSend) {
    const send = records.slice(from, from + decisionsPerSend).map((each) => JSON.stringify(each))
    bytes += compress(Buffer.from(send.join('\n'))).length
  }
  return bytes / records.length
}

/** Bytes on disk a decision by column, and the fastest of a few inserts of each. */
async function storeFigures(
  withDetails: readonly DecisionRecord[],
  without: readonly DecisionRecord[],
) {
  const dataDir = await mkdtemp(join(tmpdir(), 'shelfedge-told-'))
  const store = await openStore({ dataDir })
  try {
    const ms = { withDetails: Number.POSITIVE_INFINITY, without: Number.POSITIVE_INFINITY }
    for (let turn = 0; turn < insertsTotal; turn++) {
      const bare = await insertMs(store, without, `without ${turn}`)
      await store.query('TRUNCATE TABLE decisions')
      const whole = await insertMs(store, withDetails, `with ${turn}`)
      if (turn < insertsTotal - 1) await store.query('TRUNCATE TABLE decisions')
      ms.without = Math.min(ms.without, bare)
      ms.withDetails = Math.min(ms.withDetails, whole)
    }
    const [sizes] = await store.query<{ all: number; details: number }>(
      `SELECT sum(data_compressed_bytes) AS all, sumIf(data_compressed_bytes, name IN ('named_by', 'names', 'categories', 'prices')) AS details
       FROM system.columns WHERE database = currentDatabase() AND table = 'decisions'`,
    )
    const { all = 0, details = 0 } = sizes ?? {}
    return {
      decisionStoredBytes: Number(all) / withDetails.length,
      decisionStoredWithoutDetailsBytes: Number(all - details) / withDetails.length,
      ...{ insertDecisionsMs: ms.withDetails, insertDecisionsWithoutDetailsMs: ms.without },
    }
  } finally {
    await store.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function insertMs(store: Store, records: readonly DecisionRecord[], token: string) {
  const rows = records.map((record, number) => {
    const batch = { ...place, visitor: `a:${number % 2_000}`, sequence: number }
    return rowOf(record, batch).row
  })
  const startedAt = performance.now()
  await store.insert('decisions', rows, token)
  return performance.now() - startedAt
}

function meanOf<Each>(list: readonly Each[], of: (each: Each) => number): number {
  return list.reduce((sum, each) => sum + of(each), 0) / list.length
}
