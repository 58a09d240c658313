import type { Sent } from './crowd.ts'

/** What the store has of a crowd, held against what the crowd sent. */
export interface Audit {
  readonly sent: number
  readonly stored: number
  readonly lost: number
  /** Events that a query reads more than once. */
  readonly duplicated: number
  /** Events that come before one that the same visitor sent earlier. */
  readonly outOfOrder: number
  readonly refused: number
  /** Events that were inserted more than once; the store folds them, and no query sees it. */
  readonly folded: number
  /** Ids of the first few that are missing, for whoever looks for them. */
  readonly missing: readonly string[]
}

export type Query = <Row>(sql: string) => Promise<Row[]>

const missingShown = 5
const visitorsPerQuery = 200

/** Counts every event of a crowd in the store. Throws where a refusal is missing or has another reason. */
export async function audit(query: Query, site: string, sent: Sent): Promise<Audit> {
  let stored = 0
  let duplicated = 0
  let outOfOrder = 0
  const missing: string[] = []
  const visitors = [...sent.byVisitor.keys()]
  for (let start = 0; start < visitors.length; start += visitorsPerQuery) {
    const group = visitors.slice(start, start + visitorsPerQuery)
    const found = await idsOf(query, site, group)
    for (const visitor of group) {
      const expected = sent.byVisitor.get(visitor) ?? []
      const ids = found.get(visitor) ?? []
      const distinct = new Set(ids)
      stored += distinct.size
      duplicated += ids.length - distinct.size
      outOfOrder += countOutOfOrder([...distinct], expected)
      missing.push(...expected.filter((id) => !distinct.has(id)))
    }
  }
  const refused = await countRefused(query, site, sent)
  const folded = await countFolded(query, site, sent)
  const lost = missing.length
  return {
    ...{ sent: sent.events, stored, lost, duplicated, outOfOrder, refused, folded },
    missing: missing.slice(0, missingShown),
  }
}

/** Whether as many events and refusals of a crowd are stored as it sent: what is asked again until it is so. */
export async function areAllStored(query: Query, site: string, sent: Sent): Promise<boolean> {
  const countIn = async (table: string) => {
    const [row] = await query<{ total: number }>(
      `SELECT toUInt32(uniqExact(message_id)) AS total FROM ${table}
       WHERE site = '${site}' AND ${ofCrowd(sent)}`,
    )
    return row?.total ?? 0
  }
  const refused = [...sent.refused.values()].reduce((sum, total) => sum + total, 0)
  return (await countIn('events')) === sent.events && (await countIn('refusals')) >= refused
}

/** The order of the store: by epoch and sequence of the batch, and the position in it. */
async function idsOf(query: Query, site: string, visitors: readonly string[]) {
  const rows = await query<{ visitor: string; ids: string[] }>(
    `SELECT visitor, groupArray(message_id) AS ids FROM (
       SELECT visitor, message_id FROM events_once
       WHERE site = '${site}' AND visitor IN (${visitors.map((name) => `'${name}'`).join()})
       ORDER BY visitor, epoch, sequence, position)
     GROUP BY visitor`,
  )
  return new Map(rows.map(({ visitor, ids }) => [visitor, ids]))
}

function countOutOfOrder(ids: readonly string[], expected: readonly string[]): number {
  const places = new Map(expected.map((id, place) => [id, place]))
  let last = -1
  let count = 0
  for (const id of ids) {
    const place = places.get(id) ?? -1
    if (place < last) count++
    else last = place
  }
  return count
}

async function countRefused(query: Query, site: string, sent: Sent): Promise<number> {
  const rows = await query<{ reason: string; total: number }>(
    `SELECT reason, toUInt32(uniqExact(message_id)) AS total FROM refusals_once
     WHERE site = '${site}' AND ${ofCrowd(sent)} GROUP BY reason`,
  )
  const found = new Map(rows.map(({ reason, total }) => [reason, total]))
  for (const [reason, total] of sent.refused) {
    if (found.get(reason) !== total) {
      throw new Error(`${found.get(reason) ?? 0} of ${total} events are stored as ${reason}`)
    }
  }
  return rows.reduce((sum, { total }) => sum + total, 0)
}

async function countFolded(query: Query, site: string, sent: Sent): Promise<number> {
  const [row] = await query<{ total: number }>(
    `SELECT toUInt32(count() - uniqExact(message_id)) AS total FROM events
     WHERE site = '${site}' AND ${ofCrowd(sent)}`,
  )
  return row?.total ?? 0
}

/** Ids of a crowd begin with its seed (see crowd.ts). */
function ofCrowd(sent: Sent): string {
  const [visitor = ''] = sent.byVisitor.keys()
  return `startsWith(message_id, '${visitor.slice(2).split('-')[0]}-')`
}
