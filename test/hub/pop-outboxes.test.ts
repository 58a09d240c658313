import { describe, expect, it } from 'vitest'
import { PopOutboxes } from '#hub/pop-outboxes.ts'
import { baseMs, minuteMs } from '#test/support/events.ts'

const report = (batches: number, bytes: number, oldestAgeMs: number) => ({
  ...{ batches, bytes, oldestAgeMs },
})

describe('what the hub hears of the outboxes of a POP', () => {
  it('is the sum and the largest of the last five minutes, each POP for itself', () => {
    const outboxes = new PopOutboxes()
    outboxes.heard('north', report(2, 500, 90_000), baseMs)
    outboxes.heard('north', report(7, 100, 200), baseMs + 4 * minuteMs)
    outboxes.heard('south', report(1, 10, 50), baseMs + 4 * minuteMs)
    const lastDeliveryAtMs = baseMs + 4 * minuteMs
    expect(outboxes.all(baseMs + 4 * minuteMs)).toEqual([
      {
        ...{ pop: 'north', lastDeliveryAtMs },
        reported: { batches: 9, batchesMax: 7, bytesMax: 500, oldestAgeMsMax: 90_000 },
      },
      {
        ...{ pop: 'south', lastDeliveryAtMs },
        reported: { batches: 1, batchesMax: 1, bytesMax: 10, oldestAgeMsMax: 50 },
      },
    ])
    expect(outboxes.all(baseMs + 5 * minuteMs)[0]?.reported).toMatchObject({ batches: 7 })
    expect(outboxes.all(baseMs + 30 * minuteMs)).toMatchObject([
      { pop: 'north', lastDeliveryAtMs, reported: null },
      { pop: 'south', lastDeliveryAtMs, reported: null },
    ])
  })

  it('is a delivery, though an older POP reports nothing with it', () => {
    const outboxes = new PopOutboxes()
    outboxes.heard('old', undefined, baseMs)
    expect(outboxes.all(baseMs)).toEqual([{ pop: 'old', lastDeliveryAtMs: baseMs, reported: null }])
  })

  it('is kept of 200 POPs: the one that was silent for longest gives way', () => {
    const outboxes = new PopOutboxes()
    for (let number = 0; number < 200; number++) {
      outboxes.heard(`pop ${number}`, report(1, 1, 1), baseMs + number)
    }
    outboxes.heard('pop 0', report(1, 1, 1), baseMs + 1_000)
    outboxes.heard('one more', report(1, 1, 1), baseMs + 1_000)
    const pops = outboxes.all(baseMs + 1_000).map(({ pop }) => pop)
    expect(pops).toHaveLength(200)
    expect(pops).toContain('pop 0')
    expect(pops).not.toContain('pop 1')
  })
})
