import { expect, vi } from 'vitest'
import { identityOf } from '#hub/ingest.ts'
import type { TestHub } from './hub.ts'

/** What `/v1/deadletters` says of a letter; `record` and `encoding` only where one was asked for. */
export interface ShownLetter {
  readonly id: string
  readonly site: string
  readonly visitor: string
  readonly reason: string
  readonly detail: string
  readonly attempts: number
  readonly state: string
  readonly changedBy: string
  readonly record: string
  readonly encoding: string
  readonly position: number | null
}

const head = { pop: 'pop-1', region: 'here' }
const batchOf = (visitor: string) => ({ site: 'shop', visitor, epoch: 1, sequence: 1 })

/** A message of the log whose records are these texts, letter by letter. */
export function messageOf(visitor: string, recordTexts: readonly string[]) {
  const opening = JSON.stringify({ ...head, ...batchOf(visitor) }).slice(0, -1)
  const value = `${opening},"records":[ ${recordTexts.join(' ,\n')} ]}`
  const identity = identityOf(head.pop, batchOf(visitor), value)
  return { key: `shop/${visitor}`, identity, value }
}

/** A chunk of the log that holds messages, at offsets that no other has. */
let offsets = 0n
export function chunkOf(messages: readonly { key: string; identity: string; value: string }[]) {
  const firstOffset = offsets
  const stored = messages.map((each) => ({ ...each, offset: offsets++, appendedAtMs: 1_000 }))
  return {
    ...{ topic: 'of-tests', partition: 0, firstOffset, lastOffset: offsets - 1n },
    messages: stored,
  }
}

/** Ids of a visitor's events, in their order; `events` counts every row, before any is folded. */
export async function eventsOf({ environment }: TestHub, visitor: string, table = 'events_once') {
  const sql = `SELECT message_id FROM ${table} WHERE visitor = {visitor:String} ORDER BY position`
  const rows = await environment.store.query<{ message_id: string }>(sql, { visitor })
  return rows.map((row) => row.message_id)
}

export async function lettersOf({ environment }: TestHub, visitor: string) {
  const sql = 'SELECT id, record, state FROM dead_letters_once WHERE visitor = {visitor:String}'
  return environment.store.query<{ id: string; record: string; state: string }>(sql, { visitor })
}

/** The visitor's only letter, once it is there. */
export async function untilLetter(hub: TestHub, visitor: string): Promise<string> {
  const found = await vi.waitFor(
    async () => {
      const letters = await lettersOf(hub, visitor)
      expect(letters).toHaveLength(1)
      return letters
    },
    { timeout: 20_000 },
  )
  return found[0]?.id ?? ''
}
