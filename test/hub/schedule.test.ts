import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Trainings } from '#hub/trainings.ts'
import { openTestHub, type TestHub } from '#test/support/hub.ts'

let hub: TestHub
beforeAll(async () => {
  const sites = { shop: { writeKeys: ['shop-key'] }, other: { writeKeys: ['other-key'] } }
  hub = await openTestHub({ SITES: JSON.stringify(sites) })
})
afterAll(() => hub?.close())

describe('trainings', () => {
  it('of a schedule are one a site while it waits, however often it comes round', async () => {
    const trainings = new Trainings(hub.environment)
    const asked = Array.from({ length: 1_000 }, () => trainings.runFor('shop', 'schedule'))
    const other = trainings.runFor('other', 'schedule')
    expect(new Set(await Promise.all([...asked, other])).size).toBe(2)
    const counted = await hub.environment.metrics.trainings.get()
    expect(counted.values.reduce((sum, { value }) => sum + value, 0)).toBe(2)
    // They found nothing to do, so there is nothing to keep.
    expect(await trainings.list('shop', 10)).toEqual([])
  })

  it('that are ordered come after the one that runs, since it may not have seen the newest events', async () => {
    const trainings = new Trainings(hub.environment)
    const running = await trainings.order('shop', 'ann')
    await expect
      .poll(async () => (await trainings.find('shop', running.number ?? 0))?.startedAt)
      .not.toBeNull()
    const next = await trainings.order('shop', 'ann')
    expect(next.number).toBeGreaterThan(running.number ?? 0)
    await trainings.idle()
    expect(await trainings.list('shop', 10)).toMatchObject(
      [next, running].map(({ number }) => ({
        number,
        by: 'ann',
        state: 'ended',
        end: { outcome: 'too_little' },
      })),
    )
  })

  it('that are ordered while one waits are that one', async () => {
    const trainings = new Trainings(hub.environment)
    const busy = trainings.runFor('other', 'schedule')
    const orders = await Promise.all([1, 2, 3].map(() => trainings.order('shop', 'ann')))
    expect(new Set(orders.map(({ number }) => number)).size).toBe(1)
    await busy
    await trainings.idle()
  })
})
