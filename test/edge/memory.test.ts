import { describe, expect, it } from 'vitest'
import type { DecisionRecord } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import { baseMs, shelfEvent } from '#test/support/events.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'
import { batchesOf, coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'

const record: DecisionRecord = {
  ...{ kind: 'decision', decisionId: 'd', at: baseMs, placement: 'fare', release: null, model: '' },
  ...{
    fallback: null,
    session: '',
    features: {},
    inputs: {},
    effects: [],
    answerKind: 'price',
    answer: { price: 5 },
  },
  ...{ items: [], scores: [] },
}
const deciding = (before: object | null, after: object | null, placement = 'fare') => ({
  records: [{ ...record, placement }],
  memories: [{ placement, before: JSON.stringify(before), after }],
})

describe('what a placement remembers of a visitor', () => {
  it('is committed with the decision, and seen by the next one', () => {
    const storage = sqliteStorage()
    const core = coreOn(storage)
    core.commit([requestOf([], deciding(null, { price: 5 }))], baseMs, noAlarm)
    core.commit([requestOf([shelfEvent()])], baseMs, noAlarm)
    expect(coreOn(storage).look(requestOf([])).memory).toEqual({ fare: { price: 5 } })
    const name = { site: 'demo', visitor: 'a:1' }
    expect(core.describe(name, null).memory).toEqual({ fare: { price: 5 } })
    core.erase(name, baseMs)
    expect(core.look(requestOf([])).memory).toEqual({})
  })

  it('is changed by one of two decisions that saw the same; of the other nothing is kept, so that it can be made again', () => {
    const core = coreOn(sqliteStorage())
    const request = (id: string, price: number) =>
      requestOf([shelfEvent({ messageId: id })], deciding(null, { price }))
    const results = core.commit([request('m1', 1), request('m2', 2)], baseMs, noAlarm)
    expect(results).toMatchObject([
      { ok: true, accepted: 1, duplicates: 0 },
      { ok: true, accepted: 0, duplicates: 0, isOvertaken: true },
    ])
    const second = requestOf(
      [shelfEvent({ messageId: 'm2' })],
      deciding({ price: 1 }, { price: 2 }),
    )
    expect(core.look(second)).toMatchObject({ memory: { fare: { price: 1 } }, isLastNew: true })
    expect(core.commit([second], baseMs, noAlarm)).toMatchObject([{ ok: true, accepted: 1 }])
    const kinds = batchesOf(core).map(({ records }) =>
      records.map((each) => (each as { kind: string }).kind),
    )
    expect(kinds).toEqual([
      ['event', 'decision'],
      ['event', 'decision'],
    ])
  })

  it('is of several placements that one event asks: all of them, or none', () => {
    const core = coreOn(sqliteStorage())
    const [fare, alarm] = [deciding(null, { price: 5 }), deciding(null, { on: true }, 'alarm')]
    const both = requestOf([shelfEvent()], {
      records: [...fare.records, ...alarm.records],
      memories: [...fare.memories, ...alarm.memories],
    })
    core.commit([requestOf([], deciding(null, { on: false }, 'alarm'))], baseMs, noAlarm)
    expect(core.commit([both], baseMs, noAlarm)).toMatchObject([{ accepted: 0, isOvertaken: true }])
    expect(core.look(both)).toMatchObject({ memory: { alarm: { on: false } }, isLastNew: true })
  })

  it('is forgotten where a decision says so', () => {
    const core = coreOn(sqliteStorage())
    core.commit([requestOf([], deciding(null, { price: 1 }))], baseMs, noAlarm)
    core.commit([requestOf([], deciding({ price: 1 }, null))], baseMs, noAlarm)
    expect(core.look(requestOf([])).memory).toEqual({})
  })

  it('has a bound: what has not changed for longest goes first', () => {
    const core = coreOn(sqliteStorage())
    const large = { text: 'x'.repeat(limits.memoryCharactersMax / 3) }
    for (const placement of ['a', 'b', 'c']) {
      core.commit([requestOf([], deciding(null, large, placement))], baseMs, noAlarm)
    }
    expect(Object.keys(core.look(requestOf([])).memory)).toEqual(['b', 'c'])
  })

  it('begins empty in an object of before it was remembered', () => {
    const storage = sqliteStorage()
    storage.sql.exec(`CREATE TABLE visitors (
      site TEXT NOT NULL, visitor TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
      seen_at INTEGER NOT NULL, session TEXT, recent BLOB,
      PRIMARY KEY (site, visitor)) WITHOUT ROWID`)
    storage.sql.exec("INSERT INTO visitors VALUES ('demo', 'a:1', 1, 1, 1, NULL, NULL)")
    const core = coreOn(storage)
    expect(core.look(requestOf([]))).toMatchObject({ session: null, memory: {} })
    core.commit([requestOf([], deciding(null, { price: 1 }))], baseMs, noAlarm)
    expect(core.look(requestOf([])).memory).toEqual({ fare: { price: 1 } })
  })
})
