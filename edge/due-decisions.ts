import { WorkerEntrypoint } from 'cloudflare:workers'
import type { DecisionRecord } from '#shared/contract.ts'
import { type DecisionInputs, effectsToKeep } from '#shared/decision-inputs.ts'
import type { ClockOutcome } from '#shared/kinds/kind.ts'
import { limits } from '#shared/limits.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Cleaned } from './clean.ts'
import { type Environment, environment as itsEnvironment } from './environment.ts'
import { log, reasonOf } from './log.ts'
import { look } from './look.ts'
import { type PlacementMemory, placementMemoryOf } from './placement-memory.ts'
import type { Later } from './releases/follow-shelf.ts'
import { remember } from './remember.ts'
import type { Due, Settled } from './visitors/dues.ts'
import type { VisitorView } from './visitors/view.ts'

/**
 * Where the alarm of a visitor's object has decided what is due: in the worker, which has the releases. It is called
 * through the worker's own `exports`, and no route leads here.
 */
export class DueDecisions extends WorkerEntrypoint {
  /** Of each when it is due next, or that it is to be asked again: one that fails takes no other with it. */
  decide(dues: readonly Due[]): Promise<Settled[]> {
    const later: Later = (work) => this.ctx.waitUntil(work)
    return Promise.all(dues.map((due) => settle(due, itsEnvironment, later)))
  }
}

async function settle(due: Due, environment: Environment, later: Later): Promise<Settled> {
  const count = (outcome: string) =>
    environment.counters.add('shelfedge_due_decisions_total', 1, ['outcome', outcome])
  try {
    const taken = await takeDue(due, environment, later)
    count(taken.isTold ? 'told' : 'nothing')
    return taken.settled
  } catch (cause) {
    const { site, placement } = due
    log('warn', 'what was due was not decided', { site, placement, reason: reasonOf(cause) })
    count('failed')
    return 'again'
  }
}

/**
 * The life of a decision that the clock sets off: look → decide → remember. Nobody waits for its answer: it is told to
 * streams and webhooks as every other. It is made from what the placement remembers now, and where that has changed by
 * its commit, from that: what was told or acknowledged meanwhile is not told again. Where the release has no such
 * placement it is to be asked again: a rollback brings it back.
 */
async function takeDue(due: Due, environment: Environment, later: Later): Promise<Taken> {
  const { visitor } = due
  const site = environment.config.siteOfId(due.site)
  if (site === null) return { isTold: false, settled: { dueAt: null } }
  let settled: Settled = 'again'
  // What is not told is no decision, neither of the release nor of its canary.
  const told = await environment.releases.use(site.id, visitor, later, async (release) => {
    // A release that cannot be read now may be in ten seconds.
    if (release === null) throw new Error('there is no release to decide by')
    const placement = release.policy.placements.get(due.placement)
    if (!placement?.decideByClock) return null
    const { kind } = placement.placement
    for (let tries = 0; tries < limits.decisionTriesMax; tries++) {
      const at = environment.now()
      const cleaned: Cleaned = { visitors: new Map(), rejected: [], refusals: [], receivedAt: at }
      const view = await look(visitor, cleaned, site, environment)
      const memory = placementMemoryOf(view.memory, due.placement, placement, release)
      const outcome = placement.decideByClock({ at, memory: memory.kind })
      const { dueAt } = outcome
      settled = { dueAt }
      if (!outcome.isTold) return null
      const decided = { at, view, memory, outcome }
      const record = recordOf({ ...due, kind }, decided, release.digest, environment)
      const ofKind = outcome.memory ?? null
      const after = memory.isStream ? { stream: memory.stream, kind: ofKind } : ofKind
      const { isOvertaken } = await remember(cleaned, site, environment, {
        ...{ visitor, seen: undefined, decidesOnLast: false, records: [record] },
        memories: [{ placement: due.placement, before: memory.before, after, dueAt }],
      })
      if (isOvertaken) continue
      environment.counters.add('shelfedge_decisions_total', 1, ['fallback', 'none'])
      return { fallback: null }
    }
    const detail = 'other decisions of this visitor came in between, again and again'
    throw new RequestRefused(429, 'overloaded', detail, 1)
  })
  return { isTold: told !== null, settled }
}

interface Taken {
  readonly isTold: boolean
  readonly settled: Settled
}

interface Decided {
  readonly at: number
  readonly view: VisitorView
  readonly memory: PlacementMemory
  readonly outcome: ClockOutcome
}

/** No event and no model had a part in it: what the placement remembered is all that it was made from. */
function recordOf(
  { placement, kind }: Pick<Due, 'placement'> & { readonly kind: string },
  { at, view, memory, outcome }: Decided,
  release: string,
  { newId }: Environment,
): DecisionRecord {
  const { answer, effects } = outcome
  const { events = 0, bot = false } = view.session ?? {}
  return {
    ...{ kind: 'decision', decisionId: newId(), at, placement, release },
    ...{ model: 'none', fallback: null, session: view.session?.id ?? '' },
    features: { items: [] },
    inputs: {
      ...{ by: 'clock', session: { events, bot }, itemsMax: 0 },
      // No condition is asked, so none of the hour.
      timeZone: 'UTC',
      ...{ events: [], memory: memory.kind },
    } satisfies DecisionInputs,
    effects: effectsToKeep(kind, effects),
    ...{ answerKind: kind, answer, items: [], scores: [] },
  }
}
