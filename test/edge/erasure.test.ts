import { beforeEach, describe, expect, it } from 'vitest'
import type { VisitorsCore } from '#edge/visitors/core.ts'
import { refusalsKey } from '#shared/id.ts'
import { limits } from '#shared/limits.ts'
import { baseMs, shelfEvent } from '#test/support/events.ts'
import { type SqliteStorage, sqliteStorage } from '#test/support/sqlite-storage.ts'
import { batchesOf, coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'

const erased = { site: 'demo', visitor: 'a:1' }
const neighbour = { site: 'demo', visitor: 'a:11' }
const namesake = { site: 'other', visitor: 'a:1' }

let storage: SqliteStorage
let core: VisitorsCore
beforeEach(() => {
  storage = sqliteStorage()
  core = coreOn(storage)
})

let messages = 0
function view(name: typeof erased, nowMs = baseMs, note = ''): void {
  const event = shelfEvent({ messageId: `m${++messages}`, properties: { note } })
  core.commit([requestOf([event], name)], nowMs, noAlarm)
}

function waiting(): string[] {
  return batchesOf(core).map(({ site, visitor }) => `${site}/${visitor}`)
}

function setAsideFirst(): void {
  const first = core.outbox.nextSlice(1)
  if (first) core.outbox.setAside(first, 'not_loggable')
}

function refuse(...bodies: string[]): void {
  const records = bodies.map((body) => {
    const refusal = { kind: 'refusal', at: baseMs, messageId: 'm', reason: 'r' } as const
    return { ...refusal, field: '', detail: '', body }
  })
  core.commit([requestOf([], { visitor: refusalsKey, records })], baseMs, noAlarm)
}

/** Every text and number that the storage holds. */
function everything(): string {
  return ['visitors', 'outbox', 'set_aside', 'erased_up_to']
    .flatMap((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray())
    .map((row) => JSON.stringify(row))
    .join('\n')
}

describe('a visitor who is erased', () => {
  it('leaves no session, no id, nothing in the outbox and nothing set aside', () => {
    view(erased)
    setAsideFirst()
    view(erased)
    view(erased)
    expect(core.erase(erased, baseMs).found).toEqual({ known: true, outbox: 2, setAside: 1 })
    expect(everything()).not.toContain('a:1"')
    expect(core.look(requestOf([]))).toMatchObject({ session: null, totals: { events30d: 0 } })
    expect(core.describe(erased, null)).toMatchObject({ known: false, batches: [] })
    expect(core.outbox.backlog).toEqual({ batches: 0, bytes: 0 })
  })

  it('was told before of every count that is kept of it', () => {
    view(erased)
    view(erased)
    const { totals } = core.describe(erased, null)
    expect(totals?.['30d']).toEqual([[Math.floor(baseMs / 86_400_000), 2, 2, 0, 0, 0, 1, 0]])
  })

  it('takes neither a neighbour along whose key begins the same, nor a namesake at another site', () => {
    for (const name of [erased, neighbour, namesake]) view(name)
    const before = [neighbour, namesake].map((name) => core.describe(name, null))
    core.erase(erased, baseMs)
    expect([neighbour, namesake].map((name) => core.describe(name, null))).toEqual(before)
    expect(waiting()).toEqual(['demo/a:11', 'other/a:1'])
    expect(core.outbox.backlog).toEqual(coreOn(storage).outbox.backlog)
  })

  it.each(['100%', 'a_b', 'quote"s', "it's", 'snow ☃', 'back\\slash'])(
    'is found whatever the id is made of: %s',
    (id) => {
      const name = { site: 'demo', visitor: `u:${id}` }
      view(name)
      view({ site: 'demo', visitor: 'u:100 and more' })
      expect(core.erase(name, baseMs).found).toMatchObject({ known: true, outbox: 1 })
      expect(waiting()).toEqual(['demo/u:100 and more'])
    },
  )

  it('is, when nobody knows it, an answer that says so', () => {
    view(neighbour)
    const nobody = { known: false, outbox: 0, setAside: 0 }
    expect(core.erase(erased, baseMs)).toEqual({ epoch: baseMs, found: nobody })
    expect(waiting()).toEqual(['demo/a:11'])
  })

  it('comes again in a later epoch, though it is the same millisecond, over and over', () => {
    const epochs: number[] = []
    const upTo: number[] = []
    for (let life = 0; life < 3; life++) {
      view(erased)
      epochs.push(batchesOf(core)[0]?.epoch ?? 0)
      upTo.push(core.erase(erased, baseMs).epoch)
    }
    for (const [life, epoch] of epochs.entries()) {
      expect(upTo[life]).toBeGreaterThanOrEqual(epoch)
      if (life > 0) expect(epoch).toBeGreaterThan(upTo[life - 1] ?? 0)
    }
  })

  it('comes again in a later epoch after a restart and a clock that went back', () => {
    view(erased, baseMs)
    const { epoch } = core.erase(erased, baseMs)
    core = coreOn(storage)
    view(erased, baseMs - 60_000)
    expect(batchesOf(core)).toMatchObject([{ epoch: epoch + 1, sequence: 1 }])
  })

  it('is met anew: an event it sent before is taken again, as one of the new life', () => {
    const request = requestOf([shelfEvent()])
    core.commit([request], baseMs, noAlarm)
    core.erase(erased, baseMs)
    expect(core.commit([request], baseMs, noAlarm)).toMatchObject([{ accepted: 1, duplicates: 0 }])
  })
})

describe('an erasure while a delivery is on its way', () => {
  it('does not let the acknowledgement delete what came after it', () => {
    view(neighbour)
    view(erased)
    const slice = core.outbox.nextSlice()
    core.erase(erased, baseMs)
    view(neighbour)
    if (slice) core.outbox.acknowledge(slice)
    expect(batchesOf(core).map(({ visitor, sequence }) => [visitor, sequence])).toEqual([
      ['a:11', 2],
    ])
    expect(core.outbox.backlog).toEqual(coreOn(storage).outbox.backlog)
  })

  it('leaves nothing to be set aside, and lets whoever came next stay', () => {
    view(erased)
    const slice = core.outbox.nextSlice(1)
    core.erase(erased, baseMs)
    view(neighbour)
    if (slice) core.outbox.setAside(slice, 'not_loggable')
    expect(waiting()).toEqual(['demo/a:11'])
    expect(storage.sql.exec('SELECT * FROM set_aside').toArray()).toEqual([])
  })

  it('that is rolled back with its transaction changes nothing', () => {
    view(erased)
    const before = everything()
    const failing = { ...storage, transactionSync: inRolledBack(storage) }
    expect(() => coreOn(failing).erase(erased, baseMs)).toThrow('no space')
    expect(everything()).toBe(before)
    expect(core.outbox.backlog).toEqual(coreOn(storage).outbox.backlog)
  })
})

/** A storage whose disk is full at the moment of the commit. */
function inRolledBack({ transactionSync }: SqliteStorage) {
  return <Result>(run: () => Result): Result =>
    transactionSync(() => {
      run()
      throw new Error('no space')
    })
}

describe('refusals', () => {
  const of = (field: string, id: string) => JSON.stringify({ type: 'purchase', [field]: id })

  it('that name the visitor are taken out of the batches they share with others', () => {
    refuse(of('anonymousId', '1'), of('anonymousId', '11'), of('userId', '1'))
    refuse(of('anonymousId', '1'))
    setAsideFirst()
    expect(core.eraseRefusals(erased)).toBe(2)
    expect(core.outbox.backlog).toEqual({ batches: 0, bytes: 0 })
    const kept = storage.sql.exec<{ batch: string }>('SELECT batch FROM set_aside').toArray()
    const bodies = kept.flatMap(({ batch }) => JSON.parse(batch).records)
    expect(bodies.map(({ body }: { body: string }) => body)).toEqual([
      of('anonymousId', '11'),
      of('userId', '1'),
    ])
  })

  it('of another site stay', () => {
    refuse(of('anonymousId', '1'))
    expect(core.eraseRefusals(namesake)).toBe(0)
    expect(core.outbox.backlog.batches).toBe(1)
  })
})

describe('what is told of a visitor', () => {
  it('is the session, the count of remembered ids, and every batch with where it lies', () => {
    view(erased)
    setAsideFirst()
    view(erased, baseMs + 5)
    view(neighbour)
    const told = core.describe(erased, null)
    expect(told).toMatchObject({
      ...{ known: true, epoch: baseMs, sequence: 2, seenAt: baseMs + 5, idsRemembered: 2 },
      ...{ session: { items: ['item-1'] }, next: null },
    })
    expect(told.batches.map(({ place, reason }) => [place, reason])).toEqual([
      ['outbox', null],
      ['set_aside', 'not_loggable'],
    ])
    expect(told.batches.map(({ batch }) => JSON.parse(batch).sequence)).toEqual([2, 1])
  })

  it('comes in pages of bounded size, every batch once', () => {
    const note = 'x'.repeat(limits.deliveryBytesMax / 8)
    for (let count = 0; count < 20; count++) view(erased, baseMs, note)
    for (let count = 0; count < 12; count++) setAsideFirst()
    const sequences: number[] = []
    let pages = 0
    for (let after = null; ; pages++) {
      const { batches, next } = core.describe(erased, after)
      const size = batches.reduce((total, { batch }) => total + batch.length, 0)
      expect(size).toBeLessThanOrEqual(limits.deliveryBytesMax)
      sequences.push(...batches.map(({ batch }) => JSON.parse(batch).sequence))
      if (next === null) break
      after = next as never
    }
    expect(pages).toBeGreaterThan(1)
    expect(sequences.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
  })
})
