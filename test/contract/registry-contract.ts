/** What every registry must do, whatever database keeps it. */

import { createHash, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Registry, ReleaseRecord, TagMove } from '#hub/registry/registry.ts'

export interface RegistryContract {
  /** The registry under test; tests keep apart by sites of their own. */
  readonly registry: () => Registry
}

const noon = Date.parse('2026-03-01T12:00:00.123Z')
const minutesPastNoon = (minutes: number) => new Date(noon + minutes * 60_000)
export const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')

export function releaseOf(site: string, name: string): ReleaseRecord {
  return {
    digest: digestOf(name),
    site,
    createdAt: minutesPastNoon(0),
    createdBy: 'ana',
    manifest: { name, files: [{ path: 'model.onnx', bytes: 12 }], note: 'naïve ✓' },
    bytesTotal: 9_000_000_000,
  }
}

export function registryContract({ registry }: RegistryContract): void {
  const freshSite = () => `site-${randomUUID()}`

  async function withReleases(...names: string[]) {
    const site = freshSite()
    for (const name of names) await registry().addRelease(releaseOf(site, `${site} ${name}`))
    const digest = (name: string) => digestOf(`${site} ${name}`)
    const move = (tag: string, name: string, minutes: number, why = 'better'): TagMove => ({
      site,
      tag,
      digest: digest(name),
      at: minutesPastNoon(minutes),
      by: 'ana',
      why,
      share: null,
    })
    return { site, digest, move }
  }

  test('a release comes back as it was recorded, once, however often it was', async () => {
    const site = freshSite()
    const release = releaseOf(site, 'one')
    await registry().addRelease(release)
    await registry().addRelease({ ...release, createdBy: 'somebody else' })
    expect(await registry().releases(site, 10)).toEqual([release])
  })

  test('releases come newest first, as many as asked for, of the site alone', async () => {
    const { site, digest } = await withReleases('a', 'b', 'c')
    await withReleases('d')
    const releases = await registry().releases(site, 2)
    expect(releases.map((release) => release.digest)).toEqual([digest('c'), digest('b')])
  })

  test('two sites may hold the same release, each its own', async () => {
    const [one, two] = [freshSite(), freshSite()]
    await registry().addRelease(releaseOf(one, 'same'))
    await registry().addRelease(releaseOf(two, 'same'))
    expect((await registry().releases(one, 10)).map((release) => release.site)).toEqual([one])
    expect((await registry().releases(two, 10)).map((release) => release.site)).toEqual([two])
  })

  test('a tag is where it was moved last, and each tag on its own', async () => {
    const { site, digest, move } = await withReleases('a', 'b')
    expect(await registry().tag(site, 'live')).toBeNull()
    await registry().moveTag(move('live', 'a', 1))
    await registry().moveTag(move('live', 'b', 2))
    await registry().moveTag(move('canary', 'a', 3))
    expect(await registry().tag(site, 'live')).toBe(digest('b'))
    expect(await registry().tag(site, 'canary')).toBe(digest('a'))
    await registry().moveTag(move('live', 'a', 4, 'rolled back'))
    expect(await registry().tag(site, 'live')).toBe(digest('a'))
  })

  test('a tag was before on the last other release, however often it was put where it is', async () => {
    const { site, digest, move } = await withReleases('a', 'b', 'c')
    const before = () => registry().tagBefore(site, 'live')
    expect(await before()).toBeNull()
    await registry().moveTag(move('live', 'a', 1))
    expect(await before()).toBeNull()
    await registry().moveTag(move('live', 'b', 2))
    await registry().moveTag(move('live', 'b', 3))
    await registry().moveTag(move('candidate', 'c', 3))
    expect(await before()).toBe(digest('a'))
    expect(await registry().lastMove(site, 'live', 'candidate')).toMatchObject({ tag: 'candidate' })
    await registry().moveTag(move('live', 'a', 4))
    expect(await before()).toBe(digest('b'))
    expect(await registry().lastMove(site, 'live', 'candidate')).toMatchObject({ tag: 'live' })
  })

  test('a training is open until it ended, counts its beginnings, and is of its site', async () => {
    const [site, other] = [freshSite(), freshSite()]
    const at = minutesPastNoon(0)
    const one = await registry().addTraining({ site, by: 'ana', at })
    const two = await registry().addTraining({ site, by: 'ana', at })
    const step = { training: one, at: minutesPastNoon(1), end: null }
    await registry().addTrainingStep({ ...step, step: 'started' })
    await registry().addTrainingStep({ ...step, step: 'started', at: minutesPastNoon(2) })
    const open = async () =>
      (await registry().openTrainings(1_000)).filter((training) => training.site === site)
    expect(await open()).toMatchObject([
      { number: one, by: 'ana', at, starts: 2, startedAt: minutesPastNoon(2), end: null },
      { number: two, starts: 0, startedAt: null },
    ])
    const figures = { clicks: 7 }
    const end = { outcome: 'refused', reason: 'weak', digest: null, policy: null, figures } as const
    await registry().addTrainingStep({ ...step, step: 'ended', at: minutesPastNoon(3), end })
    const again = { ...end, reason: 'another hub said so later' }
    await registry().addTrainingStep({ ...step, step: 'ended', at: minutesPastNoon(4), end: again })
    expect((await open()).map(({ number }) => number)).toEqual([two])
    expect(await registry().training(site, one)).toMatchObject({ endedAt: minutesPastNoon(3), end })
    expect((await registry().trainings(site, 1)).map(({ number }) => number)).toEqual([two])
    expect(await registry().training(other, one)).toBeNull()
    expect(await registry().trainings(other, 10)).toEqual([])
  })

  test('a tag moved by a clock that went back is where it was moved last all the same', async () => {
    const { site, digest, move } = await withReleases('a', 'b')
    await registry().moveTag(move('live', 'a', 5))
    await registry().moveTag(move('live', 'b', 4))
    expect(await registry().tag(site, 'live')).toBe(digest('b'))
  })

  test('says what was live at a time', async () => {
    const { site, digest, move } = await withReleases('a', 'b')
    await registry().moveTag(move('live', 'a', 10))
    await registry().moveTag(move('live', 'b', 20))
    const liveAt = (minutes: number) => registry().liveAt(site, 'live', minutesPastNoon(minutes))
    expect([await liveAt(9), await liveAt(10), await liveAt(19), await liveAt(20)]).toEqual([
      null,
      digest('a'),
      digest('a'),
      digest('b'),
    ])
  })

  test('keeps every move: who, when and why, newest first', async () => {
    const { site, move } = await withReleases('a', 'b')
    const moves = [
      move('live', 'a', 1, 'first'),
      move('live', 'b', 2),
      move('live', 'a', 3, 'rolled back'),
    ]
    for (const one of moves) await registry().moveTag(one)
    expect(await registry().history(site, 10)).toEqual(moves.toReversed())
    expect(await registry().history(site, 1)).toEqual(moves.slice(2))
  })

  test('a tag goes on no release but one of its own site', async () => {
    const { site, move } = await withReleases('a')
    const other = await withReleases('b')
    const expected = { name: 'RegistryError', code: 'unknown-release', retryable: false }
    await expect(registry().moveTag(move('live', 'never built', 1))).rejects.toMatchObject(expected)
    const foreign = { ...move('live', 'a', 1), digest: other.digest('b') }
    await expect(registry().moveTag(foreign)).rejects.toMatchObject(expected)
    expect(await registry().tag(site, 'live')).toBeNull()
    expect(await registry().history(site, 10)).toEqual([])
  })

  test('keeps the judgements of a release, newest first', async () => {
    const { digest } = await withReleases('a')
    const of = (minutes: number, hitRateAt20: number) => ({
      digest: digest('a'),
      at: minutesPastNoon(minutes),
      name: 'last day',
      figures: { hitRateAt20, sessions: 1_000 },
    })
    await registry().addEvaluation(of(1, 0.5))
    await registry().addEvaluation(of(2, 0.625))
    expect(await registry().evaluations(digest('a'), 10)).toEqual([of(2, 0.625), of(1, 0.5)])
    const unknown = { ...of(3, 1), digest: digest('never built') }
    await expect(registry().addEvaluation(unknown)).rejects.toMatchObject({
      code: 'unknown-release',
    })
  })

  test('moves at the same time are all kept', async () => {
    const { site, move } = await withReleases('a', 'b')
    const names = ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b']
    await Promise.all(names.map((name, index) => registry().moveTag(move('live', name, index))))
    const history = await registry().history(site, 100)
    expect(history).toHaveLength(names.length)
    expect(await registry().tag(site, 'live')).toBe(history[0]?.digest)
  })

  test('a canary has a share of the visitors, and what held at a time is said whole', async () => {
    const { site, move } = await withReleases('a', 'b')
    const canary = { ...move('canary', 'b', 2, 'trying'), share: 0.25 }
    const stopped = { ...move('canary', 'a', 5, 'worse'), share: 0 }
    await registry().moveTag(canary)
    await registry().moveTag(stopped)
    expect(await registry().lastMove(site, 'canary')).toEqual(stopped)
    expect(await registry().moveAt(site, 'canary', minutesPastNoon(4))).toEqual(canary)
    expect(await registry().moveAt(site, 'canary', minutesPastNoon(1))).toBeNull()
  })

  const pushOf = (site: string, name: string, bytes: string) => ({
    ...{ site, name, digest: digestOf(bytes), declaration: { family: 'sequence' } },
    ...{ bytesTotal: 12, at: minutesPastNoon(1), by: 'ana', why: 'a try' },
  })

  test('versions of a model count by site and name, newest first', async () => {
    const [site, other] = [freshSite(), freshSite()]
    expect(await registry().addModel(pushOf(site, 'gru', 'one'))).toBe(1)
    expect(await registry().addModel(pushOf(site, 'gru', 'one'))).toBe(2)
    expect(await registry().addModel(pushOf(site, 'tree', 'two'))).toBe(1)
    expect(await registry().addModel(pushOf(other, 'gru', 'one'))).toBe(1)
    const versions = await registry().models(site, 'gru', 10)
    expect(versions).toEqual([2, 1].map((version) => ({ ...pushOf(site, 'gru', 'one'), version })))
    expect(await registry().models(site, null, 2)).toHaveLength(2)
  })

  test('pushes at the same time have a version each', async () => {
    const site = freshSite()
    const pushes = Array.from({ length: 6 }, (_, at) =>
      registry().addModel(pushOf(site, 'gru', `bytes ${at}`)),
    )
    expect((await Promise.all(pushes)).sort()).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('keeps the judgements of a model, and what POPs did on their own', async () => {
    const site = freshSite()
    const version = await registry().addModel(pushOf(site, 'gru', 'one'))
    const judgement = {
      ...{ site, name: 'gru', version, at: minutesPastNoon(2), what: 'file', passed: false },
      ...{ code: 'model_too_slow', reason: 'It takes too long.', figures: {}, release: null },
    }
    await registry().addModelJudgement(judgement)
    expect(await registry().modelJudgements(site, 'gru', 10)).toEqual([judgement])
    await expect(
      registry().addModelJudgement({ ...judgement, version: version + 1 }),
    ).rejects.toMatchObject({ code: 'unknown-model' })
    const report = {
      ...{ site, pop: 'pop-1', digest: digestOf('one'), at: minutesPastNoon(3) },
      ...{ reason: 'errors', figures: { decisions: 100 } },
    }
    await registry().addPopReport(report)
    expect(await registry().popReports(site, 10)).toEqual([report])
  })

  const confirmed = (target: string, minutes: number, epoch: number | null = null) => ({
    ...{ target, at: minutesPastNoon(minutes), epoch, pop: epoch === null ? null : 'pop-1' },
    found: { known: true, outbox: 2 },
  })
  const order = (site: string, minutes: number) => ({
    ...{ site, visitor: 'a:me', at: minutesPastNoon(minutes), by: 'ana' },
  })

  /** Orders of a site that matter from some minutes past noon on, to the store and these POPs. */
  async function mattering(site: string, minutes: number, ...targets: string[]): Promise<number[]> {
    const wanted = { since: minutesPastNoon(minutes), targets, lastTarget: 'store' }
    const orders = await registry().erasures(wanted, 10_000)
    return orders.filter((one) => one.site === site).map((one) => one.number)
  }

  test('keeps every order to erase a visitor, with who confirmed it, the newest order first', async () => {
    const site = freshSite()
    const first = await registry().addErasure(order(site, 1))
    const second = await registry().addErasure(order(site, 2))
    await registry().addErasureConfirmation(first, confirmed('http://pop', 3, 1_767_614_400_000))
    await registry().addErasureConfirmation(first, confirmed('store', 3))
    expect(second).toBeGreaterThan(first)
    expect(await registry().erasuresOf(site, 'a:me', 10)).toEqual([
      { number: second, ...order(site, 2), confirmations: [] },
      {
        ...{ number: first, ...order(site, 1) },
        confirmations: [confirmed('http://pop', 3, 1_767_614_400_000), confirmed('store', 3)],
      },
    ])
    expect(await registry().erasuresOf(site, 'a:me', 1)).toHaveLength(1)
    expect(await registry().erasuresOf(freshSite(), 'a:me', 10)).toEqual([])
    expect(await registry().erasuresOf(site, 'u:me', 10)).toEqual([])
  })

  test('an order matters until every target has confirmed it, the store last, and some time after', async () => {
    const site = freshSite()
    const number = await registry().addErasure(order(site, 1))
    const confirm = (...confirmation: Parameters<typeof confirmed>) =>
      registry().addErasureConfirmation(number, confirmed(...confirmation))
    await confirm('store', 2)
    expect(await mattering(site, 60)).toEqual([])
    expect(await mattering(site, 2)).toEqual([number])
    expect(await mattering(site, 60, 'a', 'b')).toEqual([number])
    await confirm('a', 3, 1)
    await confirm('b', 4, 1)
    expect(await mattering(site, 60, 'a', 'b')).toEqual([number])
    await confirm('store', 5)
    expect(await mattering(site, 60, 'a', 'b')).toEqual([])
    expect(await mattering(site, 5, 'a', 'b')).toEqual([number])
    // A POP that is new has to hear of it, too.
    expect(await mattering(site, 60, 'a', 'b', 'c')).toEqual([number])
  })

  test('a confirmation belongs to an order', async () => {
    const adding = registry().addErasureConfirmation(2 ** 40, confirmed('store', 1))
    await expect(adding).rejects.toMatchObject({ name: 'RegistryError', code: 'conflict' })
  })
}
