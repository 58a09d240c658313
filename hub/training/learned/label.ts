import type { RowLearning } from '#shared/learning.ts'
import type { Telling } from './read-tellings.ts'
import type { ReplayedEvent } from './replay-history.ts'

const dayMs = 24 * 3_600_000

/** What came of a moment, and when that was certain, epoch ms. */
export interface Label {
  readonly happened: boolean
  readonly knownAt: number
}

/** How far the store can tell. */
export interface Horizon {
  /** The newest that has been heard of the site, epoch ms. */
  readonly heardUntil: number
  readonly idleMsMax: number
}

/**
 * What came of the moment after event `index` of a visitor; null where that is not certain yet. Waiting is the same
 * for both answers: else those that happened soon would be learned from before those that did not.
 */
export function labelOf(
  learning: RowLearning,
  events: readonly ReplayedEvent[],
  index: number,
  { heardUntil, idleMsMax }: Horizon,
): Label | null {
  const asked = events[index] as ReplayedEvent
  const known = (knownAt: number, happens: (event: ReplayedEvent) => boolean): Label | null => {
    if (knownAt > heardUntil) return null
    for (let at = index + 1; at < events.length; at++) {
      const event = events[at] as ReplayedEvent
      // What happened before and came later is no consequence.
      if (event.bot || event.timestamp < asked.timestamp) continue
      if (happens(event)) return { happened: true, knownAt }
    }
    return { happened: false, knownAt }
  }
  switch (learning.learns) {
    case 'outcome': {
      const { event: name, withinMs } = learning
      if (withinMs === undefined) {
        const isSame = ({ session }: ReplayedEvent) => session === asked.session
        const endsAt = events.reduce(
          (last, event) => (isSame(event) ? Math.max(last, event.timestamp) : last),
          asked.timestamp,
        )
        return known(endsAt + idleMsMax, (event) => event.event === name && isSame(event))
      }
      const until = asked.timestamp + withinMs
      return known(until, ({ event, timestamp }) => event === name && timestamp <= until)
    }
    case 'absence': {
      const { event: name, days } = learning
      const until = asked.timestamp + days * dayMs
      const back = known(
        until,
        ({ event, timestamp, session }) =>
          session !== asked.session && timestamp <= until && (name ?? event) === event,
      )
      return back && { ...back, happened: !back.happened }
    }
    case 'segments':
      // What is known at the moment is all that is asked.
      return known(asked.timestamp, () => false)
    case 'label':
      return saidLabel(learning, asked, heardUntil)
    case 'trait':
      return traitLabel(learning, asked, heardUntil)
  }
}

/** Of whom it is so already there is nothing to foretell, and their features would give it away. */
function traitLabel(
  { withinDays }: Extract<RowLearning, { learns: 'trait' }>,
  { timestamp, told = [] }: ReplayedEvent,
  heardUntil: number,
): Label | null {
  const knownAt = timestamp + withinDays * dayMs
  const before = told
    .flatMap((by) => by.findLast(({ at }) => at <= timestamp) ?? [])
    .reduce<Telling | null>((last, each) => (last && last.at > each.at ? last : each), null)
  if (knownAt > heardUntil || before?.isSo) return null
  const comesToBe = ({ at, isSo }: Telling) => isSo && at > timestamp && at <= knownAt
  return { happened: told.some((by) => by.some(comesToBe)), knownAt }
}

function saidLabel(
  { said, waitDays }: Extract<RowLearning, { learns: 'label' }>,
  asked: ReplayedEvent,
  heardUntil: number,
): Label | null {
  if (asked.said !== '') {
    const happened = String(JSON.parse(asked.said)) === String(said.is)
    return { happened, knownAt: asked.saidAt }
  }
  if (waitDays === undefined) return null
  const knownAt = asked.timestamp + waitDays * dayMs
  return knownAt > heardUntil ? null : { happened: false, knownAt }
}
