import { describe, expect, it } from 'vitest'
import { clean } from '#edge/clean.ts'
import { splitRecords } from '#edge/visitors/split-records.ts'
import { assertMessages } from '#hub/log/log.ts'
import type { ShelfRecord } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'

describe('what a POP may put into its outbox', () => {
  it('is never more than the log of the hub takes, however a body grows when it is written again', () => {
    const numbers = `[${Array.from({ length: 1_300 }, () => '1e20').join(',')}]`
    const events = Array.from({ length: 70 }, (_, index) =>
      JSON.parse(
        `{"type":"track","event":"e","messageId":"${index}","anonymousId":"a","properties":{"n":${numbers}}}`,
      ),
    )
    expect(events.length * numbers.length).toBeLessThan(limits.batchBytesMax)
    const { visitors } = clean(events, { receivedAt: Date.UTC(2026, 0, 1) })
    const records = [...(visitors.get('a:a') ?? [])] as unknown as ShelfRecord[]
    expect(records).toHaveLength(70)
    const rows = splitRecords(records)
    expect(rows.length).toBeGreaterThan(1)
    const messages = rows.map(({ json }, index) => ({
      key: `site/${'v'.repeat(limits.idCharactersMax)}`,
      identity: `identity-${index}`,
      value: `{"pop":"p","records":${json}}`,
    }))
    expect(() => assertMessages(messages)).not.toThrow()
  })
})
