import { DurableObject } from 'cloudflare:workers'
import type { ProfilesAnswer } from '#shared/contract.ts'
import { QuestionRefused } from '../ask-hub.ts'
import { backoffMs } from '../backoff.ts'
import { environment } from '../environment.ts'
import { log, reasonOf } from '../log.ts'
import { objectOf } from '../visitor-request.ts'
import { objectNameOf } from '../visitors/mapping.ts'
import type { ToldProfile, WantedProfile } from '../visitors/profiles.ts'
import { askProfiles } from './ask-profiles.ts'
import { WaitingProfiles } from './waiting.ts'

/** Sessions that begin within it are one question to the hub. */
const gatherMs = 50
/** With batches of 200, one POP asks of at most 2,000 visitors of a site a second. */
const pauseMs = 100
const backoff = { minMs: 500, maxMs: 10_000 } as const

const { counters } = environment

/**
 * Gathers whose sessions begin at this POP on a site, asks the hub of them, one question at a time, and tells their owners.
 * Nobody waits for it, and nothing of it is stored: with a hub that is away a session has no profile, and that is all.
 */
export class Profiles extends DurableObject {
  readonly #waiting = new WaitingProfiles()
  #isAsking = false
  #failures = 0

  want(site: string, wanted: readonly WantedProfile[]): void {
    count('no_room', this.#waiting.add(wanted, environment.now()))
    if (this.#isAsking) return
    this.#isAsking = true
    void this.#askAll(site).finally(() => {
      this.#isAsking = false
    })
  }

  async #askAll(site: string): Promise<void> {
    await pause(gatherMs)
    while (this.#waiting.size > 0) {
      await this.#askNext(site)
      if (this.#waiting.size > 0)
        await pause(
          this.#failures > 0 ? backoffMs(this.#failures, backoff, environment.random()) : pauseMs,
        )
      count('too_late', this.#waiting.expire(environment.now()))
    }
  }

  async #askNext(site: string): Promise<void> {
    const batch = this.#waiting.next()
    try {
      const visitors = batch.map(({ visitor, asOf }) => ({ visitor, asOf }))
      const profiles = await askProfiles({ site, visitors }, environment)
      this.#waiting.settled(batch)
      this.#failures = 0
      await tellOwners(site, batch, profiles)
    } catch (cause) {
      log('warn', 'the hub told no profiles', { site, reason: reasonOf(cause) })
      if (cause instanceof QuestionRefused) {
        count('refused', this.#waiting.refused(batch))
        return
      }
      this.#failures++
      count('failed', 1)
    }
  }
}

async function tellOwners(
  site: string,
  batch: readonly WantedProfile[],
  profiles: ProfilesAnswer['profiles'],
): Promise<void> {
  const told = batch.flatMap((wanted, index): ToldProfile[] => {
    const profile = profiles[index] ?? null
    return profile === null ? [] : [{ ...wanted, profile }]
  })
  const { visitorShards } = environment.config
  const groups = Map.groupBy(told, ({ visitor }) => objectNameOf(site, visitor, visitorShards))
  // One owner that fails keeps nothing from the others, nor does it speak of the hub.
  await Promise.all(
    [...groups.values()].map(async (group) => {
      const { visitor } = group[0] as ToldProfile
      try {
        await objectOf(site, visitor, environment).keepProfiles(site, group)
        count('told', group.length)
      } catch (cause) {
        count('untold', group.length)
        log('warn', 'profiles could not be kept', { site, reason: reasonOf(cause) })
      }
    }),
  )
}

function count(outcome: string, by: number): void {
  if (by > 0) counters.add('shelfedge_profiles_total', by, ['outcome', outcome])
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
