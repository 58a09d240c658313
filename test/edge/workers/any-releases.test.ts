import { runInDurableObject } from 'cloudflare:test'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LiveReleases } from '#edge/releases/live.ts'
import type { LoadedRelease } from '#edge/releases/load.ts'
import type { ReleasePointer, ReleaseShelf } from '#edge/releases/shelf.ts'
import { takeRelease, type Use } from '#edge/releases/take-release.ts'
import type { CanaryTerms } from '#shared/canary.ts'
import { limits } from '#shared/limits.ts'
import { manualClock } from '#test/support/manual-clock.ts'
import { testEnv } from './pop.ts'

const pollMs = 1_000

type How =
  | 'goes well'
  | 'is not loaded'
  | 'is not kept'
  | 'is cut off while it is loaded'
  | 'is cut off at the shelf'
type Step =
  | { readonly what: 'ask' }
  | { readonly what: 'ask and decide for long' }
  | { readonly what: 'decide at last' }
  | { readonly what: 'ask and hang up' }
  | { readonly what: 'ask, and the model fails' }
  | { readonly what: 'restart' }
  | { readonly what: 'cut off the look' }
  | { readonly what: 'pass'; readonly ms: number }
  | { readonly what: 'end canary' }
  | {
      readonly what: 'push'
      readonly name: number
      readonly as: 'live' | 'standby' | 'canary'
      readonly isByName: boolean
      readonly how: How
    }
  | {
      readonly what: 'push elsewhere'
      readonly name: number
      readonly as: 'live' | 'standby' | 'canary'
    }

const aPush = { name: fc.nat(4), as: fc.constantFrom('live', 'standby', 'canary') } as const
const aStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    what: fc.constantFrom('ask', 'ask and decide for long', 'decide at last', 'end canary'),
  }) as fc.Arbitrary<Step>,
  fc.record({
    what: fc.constantFrom(
      'ask and hang up',
      'cut off the look',
      'restart',
      'ask, and the model fails',
    ),
  }) as fc.Arbitrary<Step>,
  fc.record({ what: fc.constant('pass'), ms: fc.constantFrom(400, 1_500, 31_000) }),
  fc.record({
    ...{ what: fc.constant('push'), ...aPush, isByName: fc.boolean() },
    how: fc.constantFrom<How[]>(
      ...(['goes well', 'goes well', 'goes well', 'is not loaded', 'is not kept'] as const),
      ...(['is cut off while it is loaded', 'is cut off at the shelf'] as const),
    ),
  }),
  fc.record({ what: fc.constant('push elsewhere'), ...aPush }),
)
/** And how many turns of the event loop of an isolate lie between it and the next. */
const steps = fc.array(fc.tuple(aStep, fc.nat(40)), { minLength: 1, maxLength: 25 })

const digestOf = (name: number) => `release-${name}`
const bytesOf = (name: number) => Uint8Array.of(name)
const never = new Promise<never>(() => {})

/** An isolate whose releases are names, beside a real shelf. */
class Isolate {
  readonly clock = manualClock()
  inMemory = new Set<LoadedRelease>()
  mostInMemory = 0
  /** Releases that were let go under somebody who decided by them, and not for too long. */
  readonly pulledAway: string[] = []
  readonly #site: string
  readonly #shelf: ReleaseShelf
  readonly #deciding: {
    readonly end: () => void
    readonly release: LoadedRelease | null
    readonly sinceMs: number
  }[] = []
  readonly #background: Promise<unknown>[] = []
  #releases: LiveReleases
  #orders = 0
  #cuts = 0

  constructor(site: string, shelf: ReleaseShelf) {
    this.#site = site
    this.#shelf = shelf
    this.#releases = this.#started()
  }

  #started(): LiveReleases {
    const { inMemory } = this
    return new LiveReleases({
      shelf: () => this.#asSeenByLooks(),
      load: (_, pointer) => this.#loadByLook(pointer, inMemory),
      ...{ ...this.clock, pollMs, stopwatch: this.clock.now, random: () => 0.5 },
      onCanaryEnded: () => undefined,
    })
  }

  async run(step: Step): Promise<void> {
    switch (step.what) {
      case 'ask':
        this.#background.push(this.ask())
        return
      case 'ask and decide for long':
        this.#background.push(this.#use((release) => this.#decideForLong(release)))
        return
      case 'decide at last':
        this.#deciding.shift()?.end()
        return
      case 'ask and hang up':
        void this.#use(() => never)
        return
      case 'ask, and the model fails':
        this.#background.push(this.#use(async () => null, 'model_failed'))
        return
      case 'restart':
        // What the isolate before it has begun goes on, as in any other isolate.
        this.#deciding.length = 0
        this.inMemory = new Set()
        this.#releases = this.#started()
        return
      case 'cut off the look':
        this.#cuts++
        return
      case 'pass':
        return this.#pass(step.ms)
      case 'end canary':
        this.#shelf.endCanary(this.#site, null)
        this.#releases.endCanary(this.#site)
        return
      case 'push':
        this.#background.push(this.#push(step))
        return
      case 'push elsewhere': {
        const pointer = { digest: digestOf(step.name), signature: '' }
        this.#shelf.arrive(this.#site, pointer.digest, 0, bytesOf(step.name))
        this.#keep(pointer, this.#useOf(step.as), 1)
      }
    }
  }

  /** The digest of what answers. */
  ask(): Promise<string | null> {
    return this.#use(async (release) => release?.digest ?? null)
  }

  /** Everybody decides at last, and time passes until nothing is waited for. */
  async comeToRest(): Promise<void> {
    for (let round = 0; round < 6; round++) {
      for (const { end } of this.#deciding.splice(0)) end()
      await this.#pass(limits.releaseArrivalMsMax + 1)
      void this.ask()
      await turns(60)
    }
  }

  /** Little by little: whatever is not cut off goes on meanwhile. */
  async #pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= 2_000) {
      this.clock.pass(Math.min(leftMs, 2_000))
      if (ms > 2_000) await turns(60)
    }
  }

  async #use<Result>(
    work: (release: LoadedRelease | null) => Promise<Result>,
    fallback: string | null = null,
  ): Promise<Result> {
    const answer = await this.#releases.use(
      this.#site,
      'a:1',
      (later) => this.#background.push(later),
      async (release) => ({ fallback, result: await work(release) }),
    )
    return answer.result
  }

  async #decideForLong(release: LoadedRelease | null): Promise<void> {
    const { promise, resolve: end } = Promise.withResolvers<void>()
    this.#deciding.push({ end, release, sinceMs: this.clock.now() })
    await promise
  }

  async #push({ name, as, isByName, how }: Extract<Step, { what: 'push' }>): Promise<void> {
    const { inMemory } = this
    const pointer = { digest: digestOf(name), signature: '' }
    const pushed = { site: this.#site, pointer, body: isByName ? null : bytesOf(name) }
    try {
      await takeRelease(
        { ...pushed, use: this.#useOf(as) },
        {
          releases: this.#releases,
          shelf: () => this.#asStub(how),
          loadRelease: (_, pointer) => this.#load(pointer, how, inMemory),
          verifyPointer: async () => undefined,
        },
      )
    } catch {
      // Refused: what was there goes on.
    }
  }

  /** What a look at the shelf waits for, which never comes where its request was cancelled meanwhile. */
  async #unlessCut<Result>(work: () => Promise<Result>): Promise<Result> {
    const cuts = this.#cuts
    const result = await work()
    return cuts === this.#cuts ? result : never
  }

  #useOf(as: 'live' | 'standby' | 'canary'): Use {
    if (as !== 'canary') return as
    const bounds = { visitorsMin: 1, failureShareMax: 0.5, latencyRatioMax: 9, latencyMsMin: 5_000 }
    return { share: 1, startedAtMs: ++this.#orders, limits: { ...bounds, outcomeErrorsMax: 3 } }
  }

  async #loadByLook(pointer: ReleasePointer, inMemory: Set<LoadedRelease>): Promise<LoadedRelease> {
    const cuts = this.#cuts
    const release = await this.#load(pointer, 'goes well', inMemory)
    if (cuts === this.#cuts) return release
    inMemory.delete(release)
    return never
  }

  async #load(
    { digest }: ReleasePointer,
    how: How,
    inMemory: Set<LoadedRelease>,
  ): Promise<LoadedRelease> {
    // What the runtime had of one that was cut off here is its own affair.
    if (how === 'is cut off while it is loaded') return never
    const release = {
      ...{ digest, bytesTotal: 1 },
      dispose: async () => {
        const pulled = this.#deciding.find((each) => each.release === release)
        const sinceMs = this.clock.now() - (pulled?.sinceMs ?? 0)
        if (pulled && sinceMs < limits.decisionMsMax) this.pulledAway.push(digest)
        if (!inMemory.delete(release)) throw new Error(`${digest} was let go twice`)
      },
    } as LoadedRelease
    inMemory.add(release)
    this.mostInMemory = Math.max(this.mostInMemory, inMemory.size)
    await turns(7)
    if (how !== 'is not loaded') return release
    await release.dispose()
    throw new Error('not loaded')
  }

  #asSeenByLooks(): DurableObjectStub<ReleaseShelf> {
    const shelf = this.#asStub('goes well')
    const { state, bytesOf, piece, endCanary } = shelf
    return {
      ...shelf,
      state: (site: string) => this.#unlessCut(() => state(site)),
      bytesOf: (...of: Parameters<typeof bytesOf>) => this.#unlessCut(() => bytesOf(...of)),
      piece: (...of: Parameters<typeof piece>) => this.#unlessCut(() => piece(...of)),
      endCanary,
    } as unknown as DurableObjectStub<ReleaseShelf>
  }

  /** The shelf as a worker sees it: each call takes a while. */
  #asStub(how: How) {
    const shelf = this.#shelf
    const called =
      <Parameters extends unknown[], Result>(call: (...parameters: Parameters) => Result) =>
      async (...parameters: Parameters): Promise<Result> => {
        await turns(2)
        const result = call.apply(shelf, parameters)
        await turns(2)
        return result
      }
    const kept = async (pointer: ReleasePointer, use: Use, bytesTotal: number | null) => {
      await turns(2)
      if (how === 'is not kept') throw new Error('the shelf is away')
      const isKept = this.#keep(pointer, use, bytesTotal)
      if (how === 'is cut off at the shelf') return never
      await turns(2)
      return isKept
    }
    return {
      state: called(shelf.state),
      bytesOf: called(shelf.bytesOf),
      piece: called(shelf.piece),
      arrive: called(shelf.arrive),
      endCanary: called(shelf.endCanary),
      put: (_: string, pointer: ReleasePointer, bytes: number | null) =>
        kept(pointer, 'live', bytes),
      putStandby: (_: string, pointer: ReleasePointer, bytes: number | null) =>
        kept(pointer, 'standby', bytes),
      putCanary: (
        _: string,
        pointer: ReleasePointer & { terms: CanaryTerms },
        bytes: number | null,
      ) => kept(pointer, pointer.terms, bytes),
    } as unknown as DurableObjectStub<ReleaseShelf>
  }

  #keep(pointer: ReleasePointer, use: Use, bytesTotal: number | null): boolean {
    if (use === 'live') return this.#shelf.put(this.#site, pointer, bytesTotal)
    if (use === 'standby') return this.#shelf.putStandby(this.#site, pointer, bytesTotal)
    return this.#shelf.putCanary(this.#site, { ...pointer, terms: use }, bytesTotal)
  }
}

async function turns(total: number): Promise<void> {
  for (let turn = 0; turn < total; turn++) await Promise.resolve()
}

it('whatever is pushed, ended, cut off and asked, never has three in memory, and comes to what the shelf says', async () => {
  const shelf = testEnv.RELEASES.get(testEnv.RELEASES.idFromName('any-releases'))
  await runInDurableObject(shelf, async (object) => {
    let runs = 0
    const property = fc.asyncProperty(steps, async (taken) => {
      const site = `site-${runs++}`
      const isolate = new Isolate(site, object)
      for (const [step, between] of taken) {
        await isolate.run(step)
        await turns(between)
      }
      await isolate.comeToRest()
      const { live, canary, standby } = object.state(site)
      const isStandbyLive = standby?.digest === live?.digest
      const beside = canary ?? (isStandbyLive ? null : standby)
      const expected = [live, beside].flatMap((each) => each?.digest ?? [])
      expect({
        answers: await isolate.ask(),
        inMemory: [...isolate.inMemory].map(({ digest }) => digest).sort(),
        most: Math.min(isolate.mostInMemory, 2),
        pulledAway: isolate.pulledAway,
      }).toEqual({
        answers: (canary ?? live)?.digest ?? null,
        inMemory: expected.sort(),
        most: isolate.mostInMemory,
        pulledAway: [],
      })
    })
    await fc.assert(property, { seed: 17, numRuns: 500 })
  })
})
