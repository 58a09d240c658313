/** What every registry must do so that one hub at a time trains a site, whatever database keeps it. */

import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Registry, TrainingClaim } from '#hub/registry/registry.ts'
import { releaseOf } from './registry-contract.ts'

export interface ClaimsContract {
  /** The same registry over connections of its own, as two hubs have it. */
  readonly registries: () => readonly [Registry, Registry]
}

const leaseMs = 60_000
const at = new Date('2026-03-01T12:00:00Z')
const minutesLater = (minutes: number) => new Date(at.getTime() + minutes * 60_000)

export function claimsContract({ registries }: ClaimsContract): void {
  const freshSite = () => `site-${randomUUID()}`
  /** By one hub or the other. */
  const claim = (hub: number, site: string, more: { leaseMs?: number; before?: Date } = {}) =>
    (registries()[hub] as Registry).claimTraining({
      ...{ site, leaseMs: more.leaseMs ?? leaseMs, trainedBefore: more.before ?? null },
    })

  test('of hubs that race for a site one trains it, and for others the others may', async () => {
    for (let round = 0; round < 20; round++) {
      const site = freshSite()
      const asked = await Promise.all([0, 1, 0, 1].map((hub) => claim(hub, site)))
      expect(asked.filter((each) => each !== null)).toHaveLength(1)
      expect(await claim(1, freshSite())).not.toBeNull()
    }
  })

  test('a site whose training ended is free at once, and one that nobody ends after the lease', async () => {
    const site = freshSite()
    const [one, other] = registries()
    const first = (await claim(0, site)) as TrainingClaim
    expect(await claim(1, site)).toBeNull()
    await one.endClaim(first, null)
    const killed = (await claim(1, site, { leaseMs: -1 })) as TrainingClaim
    expect(await one.renewClaim(first, leaseMs)).toBe(false)
    const second = await claim(0, site)
    expect(second).not.toBeNull()
    expect(await other.renewClaim(killed, leaseMs)).toBe(false)
  })

  test('a hub that was silent past its lease goes on where no other took the site over', async () => {
    const site = freshSite()
    const late = (await claim(0, site, { leaseMs: -1 })) as TrainingClaim
    expect(await registries()[0].renewClaim(late, leaseMs)).toBe(true)
    expect(await claim(1, site)).toBeNull()
  })

  test('what was trained under a claim that is another hub’s now goes live nowhere', async () => {
    const site = freshSite()
    const [one, other] = registries()
    for (const name of ['stale', 'fresh']) await one.addRelease(releaseOf(site, name))
    const move = (name: string) => {
      const { digest } = releaseOf(site, name)
      return { site, tag: 'live', digest, at, by: 'schedule', why: 'better', share: null }
    }
    const stale = (await claim(0, site, { leaseMs: -1 })) as TrainingClaim
    const fresh = (await claim(1, site)) as TrainingClaim
    await expect(one.moveTag(move('stale'), stale)).rejects.toMatchObject({ code: 'superseded' })
    await other.moveTag(move('fresh'), fresh)
    await other.endClaim(fresh, at)
    for (const [registry, ended] of [[one, stale] as const, [other, fresh] as const]) {
      await expect(registry.moveTag(move('stale'), ended)).rejects.toMatchObject({
        ...{ code: 'superseded', retryable: false },
      })
    }
    expect(await one.history(site, 10)).toMatchObject([{ digest: releaseOf(site, 'fresh').digest }])
  })

  test('a site that another hub trained lately is not due, but may be ordered', async () => {
    const site = freshSite()
    const [one, other] = registries()
    expect(await other.trainedAt(site)).toBeNull()
    await one.endClaim((await claim(0, site, { before: at })) as TrainingClaim, minutesLater(1))
    expect(await other.trainedAt(site)).toEqual(minutesLater(1))
    expect(await claim(1, site, { before: at })).toBeNull()
    const due = (await claim(1, site, { before: minutesLater(1) })) as TrainingClaim
    // It had too little to learn from: what was trained before stays the last.
    await other.endClaim(due, null)
    expect(await one.trainedAt(site)).toEqual(minutesLater(1))
    expect(await claim(0, site)).not.toBeNull()
  })
}
