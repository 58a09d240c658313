import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Delivery, WebhookQueue } from '#hub/webhooks/queue.ts'

let directory: string
let queue: WebhookQueue
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shelfedge-webhooks-'))
  queue = new WebhookQueue(directory)
})
afterEach(() => {
  queue.close()
  rmSync(directory, { recursive: true })
})

const message = (visitor: string, id: string) => ({
  id,
  site: 'shop',
  visitor,
  body: `{"id":"${id}"}`,
})
const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ id }) => id)
const due = (nowMs = 0) => queue.due('crm', nowMs, 100)

describe('the queue of webhooks', () => {
  it('has of each visitor the oldest due, and the next when that has left', () => {
    queue.add('crm', [message('a', 'a1'), message('a', 'a2'), message('b', 'b1')], 0)
    expect(ids(due())).toEqual(['a1', 'b1'])
    queue.delivered(due()[0] as Delivery, 0)
    expect(ids(due())).toEqual(['a2', 'b1'])
  })

  it('takes a message once while it waits, and keeps it over a start', () => {
    queue.add('crm', [message('a', 'a1')], 0)
    queue.close()
    queue = new WebhookQueue(directory)
    queue.add('crm', [message('a', 'a1')], 0)
    expect(queue.depth('crm')).toEqual({ endpoint: 'crm', waiting: 1, dead: 0 })
  })

  it('lets a visitor go on after a message that was given up, and puts that back in its place', () => {
    queue.add('crm', [message('a', 'a1'), message('a', 'a2'), message('a', 'a3')], 0)
    const [first] = due() as [Delivery]
    queue.die(first, 0, 'it answered 410')
    expect(ids(due())).toEqual(['a2'])
    expect(queue.dead('crm', 10)).toMatchObject([
      { id: 'a1', reason: 'it answered 410', attempts: 1 },
    ])
    expect(queue.revive(first.number, 0)).toBe(true)
    expect(queue.revive(first.number, 0)).toBe(false)
    expect(ids(due())).toEqual(['a1'])
  })

  it('keeps endpoints apart, and forgets a visitor at all of them', () => {
    for (const endpoint of ['crm', 'till']) queue.add(endpoint, [message('a', 'a1')], 0)
    queue.delivered(due()[0] as Delivery, 0)
    expect(queue.depth('till').waiting).toBe(1)
    expect(queue.erase('shop', 'a')).toBe(1)
    expect(queue.depth('till').waiting).toBe(0)
  })

  it('delivers every message once and in its visitor’s order, whatever fails in between', () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'deliver', 'retry', 'die', 'revive', 'start'),
      at: fc.nat(20),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        queue.erase('shop', 'a')
        queue.erase('shop', 'b')
        let added = 0
        const gone: Delivery[] = []
        const deaths = new Set<number>()
        const one = (at: number) =>
          due(Number.MAX_SAFE_INTEGER)[at % Math.max(1, due(Number.MAX_SAFE_INTEGER).length)]
        for (const { kind, at } of steps) {
          const delivery = one(at)
          if (kind === 'add') queue.add('crm', [message(at % 2 ? 'a' : 'b', `m${added++}`)], 0)
          else if (kind === 'start') {
            queue.close()
            queue = new WebhookQueue(directory)
          } else if (kind === 'revive') {
            for (const { number } of queue.dead('crm', 1)) queue.revive(number, 0)
          } else if (!delivery) continue
          else if (kind === 'deliver') {
            gone.push(delivery)
            queue.delivered(delivery, 0)
          } else if (kind === 'retry') queue.retryAt(delivery, at, 'it answered 500')
          else {
            deaths.add(delivery.number)
            queue.die(delivery, 0, 'it answered 410')
          }
        }
        for (const { number } of queue.dead('crm', 100)) queue.revive(number, 0)
        for (let next = one(0); next; next = one(0)) {
          gone.push(next)
          queue.delivered(next, 0)
        }
        expect(new Set(ids(gone)).size).toBe(added)
        expect(gone.length).toBe(added)
        // What was given up once may come late; the others of a visitor never change places.
        for (const visitor of ['a', 'b']) {
          const numbers = gone
            .filter((each) => each.visitor === visitor && !deaths.has(each.number))
            .map(({ number }) => number)
          expect(numbers).toEqual(numbers.toSorted((left, right) => left - right))
        }
      }),
      { numRuns: 60 },
    )
  })
})
