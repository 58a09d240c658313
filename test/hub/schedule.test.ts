import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Schedule } from '#hub/schedule.ts'
import { openTestHub, type TestHub } from '#test/support/hub.ts'

let hub: TestHub
beforeAll(async () => {
  const sites = { shop: { writeKeys: ['shop-key'] }, other: { writeKeys: ['other-key'] } }
  hub = await openTestHub({ SITES: JSON.stringify(sites) })
})
afterAll(() => hub?.close())

describe('trainings that are asked for', () => {
  it('are one a site while it waits, however often it is asked for', async () => {
    const schedule = new Schedule(hub.environment)
    const asked = Array.from({ length: 1_000 }, () => schedule.trainNow('shop', 'operator'))
    const other = schedule.trainNow('other', 'operator')
    const trainings = await Promise.all([...asked, other])
    expect(new Set(trainings).size).toBe(2)
    const counted = await hub.environment.metrics.trainings.get()
    expect(counted.values.reduce((sum, { value }) => sum + value, 0)).toBe(2)
  })

  it('come after the one that runs, since it may not have seen the newest events', async () => {
    const schedule = new Schedule(hub.environment)
    const running = schedule.trainNow('shop', 'operator')
    await Promise.resolve()
    await Promise.resolve()
    const next = schedule.trainNow('shop', 'operator')
    expect(await next).not.toBe(await running)
  })
})
