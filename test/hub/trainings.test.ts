import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { Schedule } from '#hub/schedule.ts'
import { trainInProcess } from '#hub/training/train-in-process.ts'
import { Trainings } from '#hub/trainings.ts'
import { trainingSessions } from '#test/models/session-knn-fixture.ts'
import { adminToken, openTestHub, type TestHub } from '#test/support/hub.ts'

const waiting = { timeout: 15_000 }

let hub: TestHub
beforeAll(async () => {
  const sites = { shop: { writeKeys: ['shop-key'] }, other: { writeKeys: ['other-key'] } }
  hub = await openTestHub({ SITES: JSON.stringify(sites) })
})
afterAll(() => hub?.close())

const at = new Date('2026-11-25T12:00:00Z')

/** What a hub leaves behind that was killed while it trained. */
async function begun(site: string, starts: number): Promise<number> {
  const { registry } = hub.environment
  const training = await registry.addTraining({ site, by: 'ann', at })
  for (let start = 0; start < starts; start++) {
    await registry.addTrainingStep({ training, at, step: 'started', end: null })
  }
  return training
}

describe('a hub that starts', () => {
  it('takes up what was ordered of the one before, begun or not, and says so', async () => {
    const [half, waiting] = [await begun('shop', 1), await begun('shop', 0)]
    const trainings = new Trainings(hub.environment)
    await trainings.takeUp()
    await trainings.idle()
    const end = { outcome: 'too_little' }
    expect(await trainings.find('shop', half)).toMatchObject({
      ...{ by: 'ann', at, state: 'ended', end },
      progress: [{ line: 'the hub ended in the middle of it: begun anew' }, {}],
    })
    expect(await trainings.find('shop', waiting)).toMatchObject({ state: 'ended', end })
    expect(await hub.environment.registry.openTrainings(10)).toEqual([])
  })

  it.each([
    ['has taken the hub along three times', 'shop', 3, /the hub ended 3 times/],
    ['is of a site it does not serve', 'gone', 1, /not served any more/],
  ])('gives up one that %s', async (_what, site, starts, reason) => {
    const number = await begun(site, starts)
    const trainings = new Trainings(hub.environment)
    await trainings.start()
    await trainings.idle()
    await trainings.stop()
    expect(await trainings.find(site, number)).toMatchObject({
      end: { outcome: 'failed', reason: expect.stringMatching(reason) },
    })
    expect(await hub.environment.registry.openTrainings(10)).toEqual([])
  })
})

describe('a hub that stops', () => {
  it('begins no training that waits, leaves the one that runs, and the next start takes up both', async () => {
    const trainings = new Trainings(hub.environment)
    const reading = Promise.withResolvers<void>()
    const { store } = hub.environment
    const query = store.query.bind(store)
    const held = vi.spyOn(store, 'query').mockImplementation(async (...asked) => {
      reading.resolve()
      await released.promise
      return query(...asked)
    })
    const released = Promise.withResolvers<void>()
    const running = await trainings.order('shop', 'ann')
    await reading.promise
    const waiting = await trainings.order('shop', 'bob')
    await trainings.stop()
    released.resolve()
    await trainings.idle()
    held.mockRestore()
    const open = await hub.environment.registry.openTrainings(10)
    expect(open).toMatchObject([
      { number: running.number, starts: 0, end: null },
      { number: waiting.number, starts: 0, end: null },
    ])
    const next = new Trainings(hub.environment)
    await next.takeUp()
    await next.idle()
    expect(await hub.environment.registry.openTrainings(10)).toEqual([])
  })

  it('ends in good order though the registry is away', async () => {
    const { registry, store } = hub.environment
    const reading = Promise.withResolvers<void>()
    const released = Promise.withResolvers<never[]>()
    const held = vi.spyOn(store, 'query').mockImplementation(async () => {
      reading.resolve()
      return released.promise
    })
    const trainings = new Trainings(hub.environment)
    const running = await trainings.order('shop', 'ann')
    await reading.promise
    const away = vi.spyOn(registry, 'addTrainingStep').mockRejectedValue(new Error('away'))
    await expect(trainings.stop()).resolves.toBeUndefined()
    released.resolve([])
    await trainings.idle()
    for (const spy of [held, away]) spy.mockRestore()
    // It counts as a start that took the hub along, and is taken up all the same.
    expect(await registry.openTrainings(10)).toMatchObject([{ number: running.number, starts: 1 }])
    const next = new Trainings(hub.environment)
    await next.takeUp()
    await next.idle()
    expect(await registry.openTrainings(10)).toEqual([])
  })
})

describe('hubs that share a registry', () => {
  /** Two hubs, the store held back so that whoever trains stands still. */
  async function twoHubs() {
    const hubs = [new Trainings(hub.environment), new Trainings(hub.environment)] as const
    const { store } = hub.environment
    const query = store.query.bind(store)
    const reading = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    const spy = vi.spyOn(store, 'query').mockImplementation(async (...asked) => {
      reading.resolve()
      await released.promise
      return query(...asked)
    })
    const release = async () => {
      released.resolve()
      await Promise.all(hubs.map((each) => each.idle()))
      spy.mockRestore()
    }
    return { hubs, reading: reading.promise, release }
  }

  it('train a site one at a time: an order that one is at is left alone, and told by the other', async () => {
    const { hubs, reading, release } = await twoHubs()
    const [one, other] = hubs
    const number = (await one.order('shop', 'ann')).number as number
    await reading
    await other.takeUp()
    expect(await other.runFor('shop', 'schedule')).toMatchObject({ outcome: 'elsewhere' })
    expect(await other.find('shop', number)).toMatchObject({ state: 'running' })
    await release()
    expect(await other.find('shop', number)).toMatchObject({ state: 'ended' })
    const recorded = await hub.environment.registry.training('shop', number)
    expect(recorded).toMatchObject({ starts: 1, end: { outcome: 'too_little' } })
  })

  it('share what was ordered: one with nothing to do takes what waits for another, once', async () => {
    const { hubs, reading, release } = await twoHubs()
    const [busy, free] = hubs
    const first = busy.runFor('other', 'schedule')
    await reading
    const number = (await busy.order('shop', 'ann')).number as number
    await free.takeUp()
    await expect.poll(async () => (await busy.find('shop', number))?.state).toBe('running')
    // What runs elsewhere has not seen the newest events: it will not do for another order.
    const again = await Promise.all([1, 2].map(() => busy.order('shop', 'bob')))
    expect(new Set(again.map((each) => each.number)).size).toBe(1)
    expect(again[0]?.number).toBeGreaterThan(number)
    await release()
    await first
    // Whoever looks next carries out what was passed over while the site was taken.
    await free.takeUp()
    await free.idle()
    expect(await hub.environment.registry.openTrainings(10)).toEqual([])
    const recorded = await hub.environment.registry.training('shop', number)
    expect(recorded).toMatchObject({ starts: 1, end: { outcome: 'too_little' } })
    expect(await busy.find('shop', number)).toMatchObject({ end: { outcome: 'too_little' } })
  })

  it('record what came of an order once, where one was silent and another took it over', async () => {
    const { hubs, reading, release } = await twoHubs()
    const [silent, other] = hubs
    const { registry } = hub.environment
    const claimed = vi.spyOn(registry, 'claimTraining')
    const number = (await silent.order('shop', 'ann')).number as number
    await reading
    const claim = await claimed.mock.results[0]?.value
    claimed.mockRestore()
    // As good as a lease that ran out: the site is free, and what is done under the old claim counts for nothing.
    await registry.endClaim(claim, null)
    await other.takeUp()
    await expect
      .poll(async () => (await registry.training('shop', number))?.starts, waiting)
      .toBe(2)
    await release()
    const [recorded] = await registry.trainings('shop', 1)
    expect(recorded).toMatchObject({ number, starts: 2, end: { outcome: 'too_little' } })
    const told = { number, progress: [], end: { outcome: 'too_little' } }
    expect(await silent.find('shop', number)).toMatchObject(told)
    expect((await other.find('shop', number))?.progress).toHaveLength(2)
  })

  it('share the schedule: a site that one has trained is not due at the other', async () => {
    const { registry, now } = hub.environment
    const schedules = [new Schedule(hub.environment), new Schedule(hub.environment)] as const
    const { retrainMs } = hub.environment.config
    const asked = { site: 'shop', leaseMs: 60_000, trainedBefore: null }
    const trainedBy = async (at: number) => {
      const claim = await registry.claimTraining(asked)
      if (claim) await registry.endClaim(claim, new Date(at))
    }
    const soonMs = 3_000
    // Too little to learn from is no training: the other may look as well.
    expect(await schedules[0].trainWhereDue('shop')).toBe(soonMs)
    expect(await schedules[1].trainWhereDue('shop')).toBe(soonMs)
    await trainedBy(now() - 60_000)
    for (const schedule of schedules) {
      const dueInMs = await schedule.trainWhereDue('shop')
      expect(dueInMs).toBeGreaterThan(retrainMs - 120_000)
      expect(dueInMs).toBeLessThanOrEqual(retrainMs - 60_000)
    }
    const { trainings } = schedules[0]
    const asDrift = await trainings.runFor('shop', 'drift', new Date(now() - 120_000))
    expect(asDrift).toMatchObject({ outcome: 'elsewhere' })
    await trainedBy(now() - retrainMs - 1)
    expect(await schedules[1].trainWhereDue('shop')).toBe(soonMs)
  })
})

it('an order is answered at once with where to ask for it', async () => {
  const app = hubApp(hub.environment, new Schedule(hub.environment))
  const headers = { authorization: `Bearer ${adminToken}` }
  const ordered = await app.request('/v1/trainings', { method: 'POST', headers })
  expect(ordered.status).toBe(202)
  const asked = ordered.headers.get('location') ?? ''
  await expect
    .poll(async () => (await app.request(asked, { headers })).json())
    .toMatchObject({ by: 'operator', state: 'ended', end: { outcome: 'too_little' } })
  expect((await app.request('/v1/trainings/0', { headers })).status).toBe(404)
})

/** Trains, and sends a signal to the process that does when it first says something. */
async function signalled(signal: NodeJS.Signals) {
  const chains = Array.from({ length: 6_000 }, (_, at) => [
    at % 60,
    60 + (at % 60),
    120 + (at % 60),
  ])
  const lines: string[] = []
  const options = { modelBytesMax: 1_000_000 }
  const trained = await trainInProcess(trainingSessions(chains), options, (line) => {
    if (lines.push(line) === 1) void signalTraining(signal)
  })
  return { lines, trained }
}

it('a training whose process is killed is begun anew, once', { timeout: 60_000 }, async () => {
  const { lines, trained } = await signalled('SIGKILL')
  expect(lines).toContain('the process that trained was ended by SIGKILL: begun anew')
  expect(trained.verdict.passed).toBe(true)
})

it.each(['SIGINT', 'SIGTERM'] as const)(
  'a training leaves a %s, which its whole group may have been sent, to the hub',
  { timeout: 60_000 },
  async (signal) => {
    const { lines, trained } = await signalled(signal)
    expect(lines.join('\n')).not.toContain('was ended')
    expect(trained.verdict.passed).toBe(true)
  },
)

/** To the process that trains for this one; a SIGKILL is what the kernel does where memory is short. */
async function signalTraining(signal: NodeJS.Signals): Promise<void> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args='])
  const own = stdout
    .split('\n')
    .filter((line) => line.includes('training-process.ts'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent]) => Number(parent) === process.pid)
  for (const [pid] of own) process.kill(Number(pid), signal)
}
