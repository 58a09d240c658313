import { describe, expect, it } from 'vitest'
import { WaitingProfiles } from '#edge/profiles/waiting.ts'
import type { WantedProfile } from '#edge/visitors/profiles.ts'
import type { ShelfEvent } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import { baseMs, minuteMs, shelfEvent } from '#test/support/events.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'
import { coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'

const name = { site: 'demo', visitor: 'a:1' }
const reading = (events: readonly ShelfEvent[], more = {}) =>
  requestOf(events, { readsProfile: true, ...more })

function visit(messageId: string, timestamp: number): ShelfEvent {
  return shelfEvent({ messageId, timestamp })
}

/** A visitor on a core of its own, which commits a visit and answers what it wants. */
function visitorOn(core = coreOn(sqliteStorage())) {
  return {
    core,
    commit(messageId: string, at: number, more = {}): WantedProfile | undefined {
      const [result] = core.commit([reading([visit(messageId, at)], more)], at, noAlarm)
      return result?.ok ? result.wantsProfile : undefined
    },
    lookAt: (receivedAt: number) => core.look(reading([], { receivedAt })).profile,
  }
}

const told = (wanted: WantedProfile | undefined, orders: number) => {
  if (wanted === undefined) throw new Error('no profile is wanted')
  return [{ ...wanted, profile: { asOf: wanted.asOf, values: { orders } } }]
}

describe('the profile of a visitor', () => {
  it('is wanted when a session begins, once, and only where a model reads it', () => {
    const { commit } = visitorOn()
    expect(commit('m1', baseMs)).toMatchObject({ visitor: 'a:1', asOf: baseMs })
    expect(commit('m2', baseMs + minuteMs)).toBeUndefined()
    const next = baseMs + minuteMs + limits.sessionIdleMsDefault + 1
    expect(commit('m3', next)).toMatchObject({ asOf: next })
    expect(commit('m4', next + 2 * limits.sessionIdleMsDefault, { readsProfile: false })).toBe(
      undefined,
    )
  })

  it('is used until it is too old, and the next session has a newer one', () => {
    const { core, commit, lookAt } = visitorOn()
    const first = told(commit('m1', baseMs), 1)
    expect(lookAt(baseMs)).toBeNull()
    core.keepProfiles('demo', first)
    expect(lookAt(baseMs)).toEqual({ asOf: baseMs, values: { orders: 1 } })
    expect(lookAt(baseMs + limits.profileAgeMsMax)).not.toBeNull()
    expect(lookAt(baseMs + limits.profileAgeMsMax + 1)).toBeNull()
    const second = told(commit('m2', baseMs + limits.profileAgeMsMax), 2)
    core.keepProfiles('demo', second)
    // What was on its way for long comes last, and changes nothing.
    core.keepProfiles('demo', first)
    expect(lookAt(baseMs + limits.profileAgeMsMax)).toMatchObject({ values: { orders: 2 } })
  })

  it('is nobody else’s, and told where a model reads it alone', () => {
    const { core, commit } = visitorOn()
    core.keepProfiles('demo', told(commit('m1', baseMs), 1))
    expect(core.look(requestOf([])).profile).toBeNull()
    expect(core.look(reading([], { visitor: 'a:2' })).profile).toBeNull()
    expect(core.look(reading([], { site: 'other' })).profile).toBeNull()
    expect(core.describe(name, null).profile).toEqual({ asOf: baseMs, values: { orders: 1 } })
  })

  it('is erased with its visitor, also where it comes after that', () => {
    const { core, commit, lookAt } = visitorOn()
    const first = told(commit('m1', baseMs), 1)
    core.keepProfiles('demo', first)
    core.erase(name, baseMs + 1)
    expect(core.describe(name, null)).toMatchObject({ known: false, profile: null })
    core.keepProfiles('demo', first)
    expect(core.describe(name, null).profile).toBeNull()
    // The next life has the key, and nothing of the one before.
    commit('m2', baseMs + 2)
    core.keepProfiles('demo', first)
    expect(lookAt(baseMs + 2)).toBeNull()
  })

  it('is forgotten when it is too old to be used', () => {
    const { core, commit } = visitorOn()
    core.keepProfiles('demo', told(commit('m1', baseMs), 1))
    core.forget(0, baseMs + limits.profileAgeMsMax + 1)
    expect(core.describe(name, null)).toMatchObject({ known: true, profile: null })
  })
})

describe('profiles that wait for the hub', () => {
  const wantedBy = (visitor: string, asOf = baseMs) => ({ visitor, epoch: 1, asOf })
  const many = (total: number) => Array.from({ length: total }, (_, at) => wantedBy(`a:${at}`))

  it('are asked for in batches, each visitor once, the newest session of each', () => {
    const waiting = new WaitingProfiles()
    waiting.add([...many(limits.profileBatchMax + 5), ...many(3)], baseMs)
    const first = waiting.next()
    expect(first).toHaveLength(limits.profileBatchMax)
    const again = wantedBy('a:0', baseMs + 1)
    waiting.add([again], baseMs + 1)
    waiting.settled(first)
    expect(waiting.next()).toHaveLength(6)
    expect(waiting.next()).toContain(again)
  })

  it('are asked for with ever fewer where the hub refuses, until one goes without', () => {
    const waiting = new WaitingProfiles()
    waiting.add(many(limits.profileBatchMax + 5), baseMs)
    const atFault = 'a:77'
    const told: string[] = []
    let without = 0
    let questions = 0
    while (waiting.size > 0) {
      const batch = waiting.next()
      questions++
      if (batch.some(({ visitor }) => visitor === atFault)) without += waiting.refused(batch)
      else {
        waiting.settled(batch)
        told.push(...batch.map(({ visitor }) => visitor))
      }
    }
    expect(without).toBe(1)
    expect(new Set(told)).toEqual(
      new Set(
        many(limits.profileBatchMax + 5).flatMap(({ visitor }) =>
          visitor === atFault ? [] : [visitor],
        ),
      ),
    )
    expect(told).toHaveLength(limits.profileBatchMax + 4)
    expect(questions).toBeLessThan(25)
  })

  it('are no more than fit, and none waits for long', () => {
    const waiting = new WaitingProfiles()
    expect(waiting.add(many(limits.profilesWaitingMax), baseMs)).toBe(0)
    expect(waiting.add([wantedBy('a:late'), wantedBy('a:0')], baseMs + 1)).toBe(1)
    expect(waiting.size).toBe(limits.profilesWaitingMax)
    expect(waiting.expire(baseMs + limits.profileWaitMsMax + 1)).toBe(limits.profilesWaitingMax - 1)
    expect(waiting.next()).toEqual([wantedBy('a:0')])
  })
})
