import { describe, expect, it } from 'vitest'
import { LiveReleases } from '#edge/releases/live.ts'
import { type LoadedRelease, loadRelease } from '#edge/releases/load.ts'
import type { ReleasePointer, ReleaseShelf, ShelfState } from '#edge/releases/shelf.ts'
import type { CanaryEnd, CanaryLimits, CanaryTerms } from '#shared/canary.ts'
import { importReleasePublicKey } from '#shared/keys.ts'
import { packRelease } from '#shared/release.ts'
import { signRelease } from '#shared/signature.ts'
import { smallRelease } from '#test/support/release.ts'
import { hubKey } from './hub-side.ts'
import { testEnv } from './pop.ts'

const sessions = [
  [0, 1, 2],
  [0, 1],
  [1, 2],
]

async function packed(prefix: string) {
  const { digest, bytes } = await packRelease(smallRelease({ sessions, itemsTotal: 3, prefix }))
  const pointer: ReleasePointer = {
    digest,
    signature: await signRelease(await hubKey(), 'demo', digest),
  }
  return { bytes, pointer }
}

const publicKey = () => importReleasePublicKey(testEnv.RELEASE_PUBLIC_KEY as string)

/** An isolate with a shelf whose answers the test gives. */
function isolateWith(shelf: Pick<ReleaseShelf, 'state' | 'bytesOf' | 'piece' | 'endCanary'>) {
  let now = 1
  const releases = new LiveReleases({
    shelf: () => shelf as never,
    load: async (site, pointer, bytes) => loadRelease(site, pointer, bytes, await publicKey()),
    wait: (ms) => scheduler.wait(ms),
    ...{ pollMs: 1_000, now: () => now, stopwatch: () => now, random: () => 0.5 },
    onCanaryEnded: () => undefined,
  })
  const background: Promise<void>[] = []
  const digestOf = () =>
    releases.use(
      'demo',
      'a:1',
      (work) => background.push(work),
      async (release) => ({ digest: release?.digest ?? null, fallback: null }),
    )
  return {
    ...{ releases, background, digestOf },
    later: (ms: number) => {
      now += ms
    },
  }
}

function termsFrom(startedAtMs: number, changes: Partial<CanaryLimits>): CanaryTerms {
  return {
    ...{ share: 1, startedAtMs },
    limits: {
      ...{ visitorsMin: 200, failureShareMax: 0.01, latencyRatioMax: 2, latencyMsMin: 5_000 },
      ...{ outcomeErrorsMax: 3, ...changes },
    },
  }
}

describe('an isolate that looks at the shelf', () => {
  it('does not take what lay there before a push', async () => {
    const [before, pushed] = [await packed('before-'), await packed('pushed-')]
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<Uint8Array>()
    const { releases, digestOf } = isolateWith({
      state: () => ({ live: before.pointer, canary: null, ended: null, standby: null }),
      bytesOf: () => before.bytes.length,
      piece: (() => {
        asked.resolve()
        return answer.promise
      }) as never,
      endCanary: () => undefined,
    })
    const first = digestOf()
    await asked.promise
    const release = await loadRelease('demo', pushed.pointer, pushed.bytes, await publicKey())
    await releases.activate('demo', release)
    answer.resolve(before.bytes)
    expect(await first).toMatchObject({ digest: pushed.pointer.digest })
    expect(releases.digests()).toEqual([['demo', pushed.pointer.digest]])
  })

  it('tells how a canary ended until the shelf has it', async () => {
    const [live, canary] = [await packed('live-'), await packed('canary-')]
    const state: ShelfState = {
      ...{ live: live.pointer, ended: null, standby: null },
      canary: { ...canary.pointer, terms: termsFrom(1, { visitorsMin: 1 }) },
    }
    const told: CanaryEnd[] = []
    let isAway = true
    const { releases, background, digestOf, later } = isolateWith({
      state: () => state,
      bytesOf: (_, digest) => (digest === live.pointer.digest ? live : canary).bytes.length,
      piece: (_, digest) => (digest === live.pointer.digest ? live : canary).bytes,
      endCanary: (_, ended) => {
        if (isAway) throw new Error('the shelf is away')
        if (ended) told.push(ended)
      },
    })
    expect(await digestOf()).toMatchObject({ digest: canary.pointer.digest })
    for (let failed = 0; failed < 20 && releases.counts().length > 0; failed++) {
      await releases.use(
        'demo',
        'a:1',
        (work) => background.push(work),
        async () => ({ fallback: 'model_failed' }),
      )
    }
    await Promise.all(background)
    expect([releases.counts(), told]).toEqual([[], []])
    isAway = false
    later(10_000)
    expect(await digestOf()).toMatchObject({ digest: live.pointer.digest })
    await Promise.all(background)
    expect(told).toMatchObject([{ digest: canary.pointer.digest }])
  })
})

describe('a canary while live moves', () => {
  /** A shelf whose live release and canary the test moves; `reads` are the digests that were loaded from it. */
  async function movingShelf(told: Promise<void> = Promise.resolve()) {
    const all = [await packed('first-'), await packed('second-'), await packed('canary-')] as const
    const [first, second, canary] = all
    const bytesOf = new Map(all.map(({ pointer, bytes }) => [pointer.digest, bytes]))
    const state = {
      ...{ live: first.pointer, ended: null, standby: first.pointer },
      canary: { ...canary.pointer, terms: termsFrom(1, { visitorsMin: 5 }) },
    }
    const reads: string[] = []
    const ends: CanaryEnd[] = []
    const isolate = isolateWith({
      state: () => state,
      bytesOf: (_, digest) => bytesOf.get(digest)?.length ?? null,
      piece: (_, digest) => {
        reads.push(digest)
        return bytesOf.get(digest) ?? null
      },
      endCanary: async (_, ended) => {
        await told
        if (ended) ends.push(ended)
      },
    })
    const failing = (visitor: string) =>
      isolate.releases.use(
        'demo',
        visitor,
        (work) => isolate.background.push(work),
        async () => ({ fallback: 'model_failed' }),
      )
    const nextLook = async () => {
      isolate.later(10_000)
      await isolate.digestOf()
      await Promise.all(isolate.background)
    }
    return { ...{ first, second, canary, state, reads, ends, failing, nextLook }, ...isolate }
  }

  it('keeps what was counted of it, and is ended by that where trainings come often', async () => {
    const { releases, second, canary, state, ends, failing, nextLook, digestOf } =
      await movingShelf()
    await digestOf()
    for (const visitor of ['a:2', 'a:3', 'a:4']) await failing(visitor)
    state.live = second.pointer
    await nextLook()
    expect(releases.digests()).toEqual([['demo', second.pointer.digest]])
    expect(await digestOf()).toEqual({ digest: canary.pointer.digest, fallback: null })
    const [counted] = releases.counts()
    expect(counted?.[1]).toMatchObject({ failures: 3 })
    await failing('a:5')
    expect(ends).toMatchObject([{ digest: canary.pointer.digest, startedAtMs: 1 }])
  })

  it('comes back at the next question where the move went through this isolate, and the former live goes', async () => {
    const { releases, first, second, canary, reads, digestOf, failing, background } =
      await movingShelf()
    await digestOf()
    await failing('a:2')
    await releases.arrive('demo', second.bytes.length, async (arrival) => {
      const key = await publicKey()
      await arrival.load(() => loadRelease('demo', second.pointer, second.bytes, key))
      await releases.activate('demo', arrival.take() as LoadedRelease)
    })
    expect(releases.ready('demo', first.pointer.digest)?.digest).toBeUndefined()
    expect(await digestOf()).toMatchObject({ digest: second.pointer.digest })
    await Promise.all(background)
    expect(await digestOf()).toMatchObject({ digest: canary.pointer.digest })
    expect(releases.counts()[0]?.[1]).toMatchObject({ failures: 1 })
    expect(reads.filter((digest) => digest === canary.pointer.digest)).toHaveLength(2)
  })

  it('has its place beside the live one until it is let go, though it was ended and its end is not told yet', async () => {
    const told = Promise.withResolvers<void>()
    const { releases, canary, digestOf, failing, background } = await movingShelf(told.promise)
    await digestOf()
    let isLoaded = true
    const release = await loadRelease('demo', canary.pointer, canary.bytes, await publicKey())
    const dispose = async () => {
      isLoaded = false
      await release.dispose()
    }
    await releases.activateCanary('demo', { ...release, dispose }, termsFrom(2, { visitorsMin: 1 }))
    await failing('a:2')
    expect(releases.counts()).toEqual([])
    await releases.arrive('demo', 0, async () => expect(isLoaded).toBe(false))
    told.resolve()
    await Promise.all(background)
  })

  it('begins anew where it is ordered anew', async () => {
    const { releases, state, canary, digestOf, failing, nextLook } = await movingShelf()
    await digestOf()
    await failing('a:2')
    state.canary = { ...canary.pointer, terms: termsFrom(2, {}) }
    await nextLook()
    expect(releases.counts()[0]?.[1]).toMatchObject({ failures: 0 })
  })
})
