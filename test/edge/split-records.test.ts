import { describe, expect, it } from 'vitest'
import { splitRecords } from '#edge/visitors/split-records.ts'
import type { RefusalRecord } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'

function refusal(messageId: string, body: string): RefusalRecord {
  return { kind: 'refusal', at: 1, messageId, reason: 'r', field: '', detail: '', body }
}

describe('splitting a request into rows of the outbox', () => {
  it('keeps what fits in one row, in its order', () => {
    const records = ['1', '2', '3'].map((id) => refusal(id, 'x'))
    const lists = splitRecords(records)
    expect(lists.map(({ json }) => JSON.parse(json))).toEqual([records])
  })

  it('never makes a row longer than the platform holds, and loses no record', () => {
    const records = Array.from({ length: 40 }, (_, id) => refusal(String(id), 'ア'.repeat(30_000)))
    const lists = splitRecords(records)
    expect(lists.length).toBeGreaterThan(1)
    for (const { bytes } of lists) expect(bytes).toBeLessThanOrEqual(limits.outboxRowBytesMax)
    expect(lists.flatMap(({ json }) => JSON.parse(json))).toEqual(records)
  })
})
