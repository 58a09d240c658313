import { describe, expect, it } from 'vitest'
import { LiveReleases } from '#edge/releases/live.ts'
import { loadRelease } from '#edge/releases/load.ts'
import type { ReleasePointer, ReleaseShelf, ShelfState } from '#edge/releases/shelf.ts'
import type { CanaryEnd, CanaryTerms } from '#shared/canary.ts'
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
function isolateWith(shelf: Pick<ReleaseShelf, 'state' | 'read' | 'endCanary'>) {
  let now = 1
  const releases = new LiveReleases({
    shelf: () => shelf as never,
    ...{ publicKey, pollMs: 1_000, now: () => now, stopwatch: () => now, random: () => 0.5 },
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

describe('an isolate that looks at the shelf', () => {
  it('does not take what lay there before a push', async () => {
    const [before, pushed] = [await packed('before-'), await packed('pushed-')]
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<Uint8Array>()
    const { releases, digestOf } = isolateWith({
      state: () => ({ live: before.pointer, canary: null, ended: null, standby: null }),
      read: (() => {
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
    const terms: CanaryTerms = {
      ...{ share: 1, startedAtMs: 1 },
      limits: {
        ...{ decisionsMin: 1, failureShareMax: 0.01, latencyRatioMax: 2, latencyMsMin: 5_000 },
        outcomeErrorsMax: 3,
      },
    }
    const state: ShelfState = {
      ...{ live: live.pointer, canary: { ...canary.pointer, terms }, ended: null, standby: null },
    }
    const told: CanaryEnd[] = []
    let isAway = true
    const { releases, background, digestOf, later } = isolateWith({
      state: () => state,
      read: (_, digest) => (digest === live.pointer.digest ? live : canary).bytes,
      endCanary: (_, ended) => {
        if (isAway) throw new Error('the shelf is away')
        if (ended) told.push(ended)
      },
    })
    expect(await digestOf()).toMatchObject({ digest: canary.pointer.digest })
    for (let failed = 0; failed < 20 && releases.hasCanary('demo'); failed++) {
      await releases.use(
        'demo',
        'a:1',
        (work) => background.push(work),
        async () => ({ fallback: 'model_failed' }),
      )
    }
    await Promise.all(background)
    expect([releases.hasCanary('demo'), told]).toEqual([false, []])
    isAway = false
    later(10_000)
    expect(await digestOf()).toMatchObject({ digest: live.pointer.digest })
    await Promise.all(background)
    expect(told).toMatchObject([{ digest: canary.pointer.digest }])
  })
})
