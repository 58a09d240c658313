import { describe, expect, it } from 'vitest'
import { LiveReleases } from '#edge/releases/live.ts'
import type { LoadedRelease } from '#edge/releases/load.ts'
import type { ShelfState } from '#edge/releases/shelf.ts'
import type { CanaryTerms } from '#shared/canary.ts'
import { limits } from '#shared/limits.ts'
import { manualClock } from '#test/support/manual-clock.ts'

const pollMs = 1_000
const terms: CanaryTerms = {
  ...{ share: 1, startedAtMs: 1 },
  limits: {
    ...{ visitorsMin: 200, failureShareMax: 0.01, latencyRatioMax: 2, latencyMsMin: 5_000 },
    outcomeErrorsMax: 3,
  },
}
const pointerTo = (digest: string) => ({ digest, signature: '' })

/** An isolate whose releases are names, which counts how many are in memory at once. */
function isolate(state: ShelfState, bytesTotal = 1) {
  const clock = manualClock()
  const inMemory: string[] = []
  let most = 0
  const load = async (digest: string): Promise<LoadedRelease> => {
    inMemory.push(digest)
    most = Math.max(most, inMemory.length)
    await Promise.resolve()
    const dispose = async () => {
      inMemory.splice(inMemory.indexOf(digest), 1)
    }
    return { digest, bytesTotal, dispose } as LoadedRelease
  }
  const shelf = {
    state: async (_site: string) => state,
    bytesOf: async () => 1,
    piece: async () => new Uint8Array(1),
    endCanary: async () => undefined,
  }
  const releases = new LiveReleases({
    shelf: () => shelf as never,
    load: (_site, { digest }) => load(digest),
    ...{ ...clock, pollMs, stopwatch: clock.now, random: () => 0.5 },
    onCanaryEnded: () => undefined,
  })
  const background: Promise<void>[] = []
  const use = (work: (release: LoadedRelease | null) => Promise<string | null>, site = 'demo') =>
    releases.use(
      site,
      'a:1',
      (looked) => background.push(looked),
      async (release) => ({ digest: await work(release), fallback: null }),
    )
  const answer = async () => (await use(async (release) => release?.digest ?? null)).digest
  /** The same, and what it set off has ended. */
  const ask = async (site = 'demo') => {
    const { digest } = await use(async (release) => release?.digest ?? null, site)
    await Promise.all(background)
    return digest
  }
  const push = (digest: string, keep: () => Promise<void>) =>
    releases.arrive('demo', 1, async (arrival) => {
      await arrival.load(() => load(digest))
      await keep()
      const release = arrival.take()
      if (release) await releases.activate('demo', release)
    })
  return { ...{ shelf, releases, use, answer, ask, push, inMemory, clock, most: () => most } }
}

const withCanary = () => ({
  ...{ live: pointerTo('first'), ended: null, standby: null },
  canary: { ...pointerTo('canary'), terms },
})

describe('an isolate that a release is arriving in', () => {
  it('has two in memory and never a third, whatever it is asked meanwhile', async () => {
    const state: ShelfState = withCanary()
    const { ask, push, inMemory, clock, most } = isolate(state)
    expect(await ask()).toBe('canary')
    await push('second', async () => {
      clock.pass(2 * pollMs)
      expect(await ask()).toBe('first')
      expect(await ask()).toBe('first')
      Object.assign(state, { live: pointerTo('second') })
    })
    await ask()
    expect(await ask()).toBe('canary')
    expect(inMemory).toEqual(['second', 'canary'])
    expect(most()).toBe(2)
  })

  it('gives the canary its place back with the next question where the push fails', async () => {
    const { ask, push, inMemory } = isolate(withCanary())
    await ask()
    const failed = push('second', () => Promise.reject(new Error('the shelf is away')))
    await expect(failed).rejects.toThrow('the shelf is away')
    expect(inMemory).toEqual(['first'])
    await ask()
    expect(await ask()).toBe('canary')
  })

  it('gives it back where a look had begun before the push', async () => {
    const state = withCanary()
    const { ask, push, clock } = isolate(state)
    await ask()
    clock.pass(2 * pollMs)
    const asked = ask()
    await expect(push('second', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await asked
    await ask()
    expect(await ask()).toBe('canary')
  })

  it('goes on without one that was cut off in the middle, and lets it go', async () => {
    const { ask, push, inMemory, clock, most } = isolate(withCanary())
    await ask()
    const kept = Promise.withResolvers<void>()
    const isAtShelf = Promise.withResolvers<void>()
    const cutOff = push('second', () => {
      isAtShelf.resolve()
      return kept.promise
    })
    await isAtShelf.promise
    clock.pass(limits.releaseArrivalMsMax - 1)
    await ask()
    expect(inMemory).toEqual(['first', 'second'])
    clock.pass(1)
    await ask()
    expect(await ask()).toBe('canary')
    expect(inMemory).toEqual(['first', 'canary'])
    // It was only slow: the shelf has it, and the next look finds it there.
    kept.resolve()
    await cutOff
    expect(await ask()).toBe('canary')
    expect(most()).toBe(2)
  })

  it('takes two that come at once one after the other', async () => {
    const state = { live: pointerTo('first'), canary: null, ended: null, standby: null }
    const { ask, push, inMemory, most } = isolate(state)
    await ask()
    await Promise.all(['second', 'third'].map((each) => push(each, async () => undefined)))
    expect(await ask()).toBe('third')
    expect(inMemory).toEqual(['second', 'third'])
    expect(most()).toBe(2)
  })
})

describe('an isolate whose requests may be cancelled', () => {
  const alone = { live: pointerTo('first'), canary: null, ended: null, standby: null }
  const never = new Promise<never>(() => {})

  it('answers without a release where its first look hangs, and looks anew when that was cut off', async () => {
    const { shelf, answer, clock } = isolate(alone)
    const { state } = shelf
    shelf.state = () => never
    const first = answer()
    clock.pass(limits.firstLookMsMax)
    expect(await first).toBeNull()
    expect(await answer()).toBeNull()
    shelf.state = state
    clock.pass(limits.shelfLookMsMax)
    await answer()
    await expect.poll(answer).toBe('first')
  })

  it('lets a release go that somebody hung up on while it decided', async () => {
    const { use, ask, push, inMemory, clock } = isolate(alone)
    await ask()
    void use(() => never)
    await push('second', async () => undefined)
    const third = push('third', async () => undefined)
    expect(inMemory).toEqual(['first', 'second'])
    await expect
      .poll(() => {
        clock.pass(limits.decisionMsMax)
        return inMemory
      })
      .toEqual(['second', 'third'])
    await third
  })

  it('waits with the next for somebody who decides by the one that makes room', async () => {
    const { use, ask, push, inMemory, most } = isolate(alone)
    await ask()
    const decided = Promise.withResolvers<string>()
    const deciding = use(() => decided.promise)
    await push('second', async () => undefined)
    const third = push('third', async () => undefined)
    decided.resolve('by the first')
    expect(await deciding).toMatchObject({ digest: 'by the first' })
    await third
    expect([inMemory, most()]).toEqual([['second', 'third'], 2])
  })
})

it('what was live stays as a standby only where all sites together leave room', async () => {
  const alone = { live: pointerTo('first'), canary: null, ended: null, standby: null }
  const { ask, push, inMemory } = isolate(alone, 0.8 * limits.releaseBytesMax)
  await ask()
  await ask('other')
  await push('second', async () => undefined)
  expect(inMemory).toEqual(['first', 'second'])
})
