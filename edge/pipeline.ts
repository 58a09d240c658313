import { outcomeEvents } from '#shared/canary.ts'
import type { DecisionRecord } from '#shared/contract.ts'
import { type Decided, type DecidedItem, decideItems } from '#shared/decide.ts'
import type { EventType } from '#shared/event.ts'
import { visitorKey } from '#shared/id.ts'
import { limits } from '#shared/limits.ts'
import type { RuleTime } from '#shared/policy/facts.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import { timeIn, timeZoneOf } from '#shared/policy/time.ts'
import type { Session } from '#shared/session.ts'
import type { Site } from '#shared/sites.ts'
import { type Cleaned, clean, type Rejected } from './clean.ts'
import { type Collected, collect, eventOfCall, eventsOfBatch, siteOfQuery } from './collect.ts'
import type { Environment } from './environment.ts'
import { type Inferred, infer, placementOf, policyWithoutRelease } from './infer.ts'
import { look } from './look.ts'
import { type Question, readQuestion } from './question.ts'
import type { LoadedRelease } from './releases/load.ts'
import { type Receipt, remember } from './remember.ts'

/** What `waitUntil` of a worker is for: work that goes on after the answer. */
type Later = (work: Promise<void>) => void

export interface BatchAnswer extends Receipt {
  readonly rejected: readonly Rejected[]
}

export interface DecideAnswer extends BatchAnswer {
  readonly decisionId: string
  readonly placement: string
  readonly items: readonly DecidedItem[]
  readonly release: string | null
  readonly model: string
  readonly fallback: string | null
  readonly inferenceMs: number
}

/**
 * The life of an event: collect → clean → remember → answer.
 * It is answered when it is durable; the visitor's object forwards it to the hub from there.
 */
export async function takeEvents(
  request: Request,
  environment: Environment,
  type?: EventType,
): Promise<BatchAnswer> {
  const collected = await collect(request, environment)
  const { body, site } = collected
  const raw = type ? eventOfCall(body, type) : eventsOfBatch(body, 'batch', limits.batchEventsMax)
  const cleaned = clean(raw, collected)
  const receipt = await remember(cleaned, site, environment)
  return answerBatch(cleaned, receipt, site, environment)
}

/**
 * The life of a decision: collect → clean → look → infer → decide → remember → answer.
 * Its events are in what it looks at, and they, the decision and its features are durable before it
 * is answered, in one commit.
 */
export async function takeDecision(
  request: Request,
  environment: Environment,
  later: Later,
): Promise<DecideAnswer> {
  const collected = await collect(request, environment)
  const question = readQuestion(collected.body)
  const raw = eventsOfBatch(collected.body, 'events', limits.decideEventsMax)
  const cleaned = clean(raw, { ...collected, ...question })
  return answerQuestion(question, cleaned, collected, environment, later)
}

/** The same for a plain page: `GET /v1/recommendations`, with the question in the address. */
export async function takeRecommendations(
  request: Request,
  environment: Environment,
  later: Later,
): Promise<DecideAnswer> {
  const query = Object.fromEntries(new URL(request.url).searchParams)
  const collected = { site: siteOfQuery(request, environment), receivedAt: environment.now() }
  const limit = query.limit === undefined ? undefined : Number(query.limit)
  const { context: _notText, ...asked } = query
  const question = readQuestion({ placement: 'product-page', ...asked, limit })
  return answerQuestion(question, clean([], collected), collected, environment, later)
}

async function answerQuestion(
  question: Question,
  cleaned: Cleaned,
  { site, receivedAt }: Pick<Collected, 'site' | 'receivedAt'>,
  environment: Environment,
  later: Later,
): Promise<DecideAnswer> {
  const visitor = visitorKey(question) as string
  return environment.releases.use(site.id, visitor, later, async (release) => {
    const placement = placementOf(question.placement, release)
    const { session, totals } = await look(visitor, cleaned, site, environment)
    const { popularity, stopwatch } = environment
    const ports = { now: receivedAt, site: site.id, popularity, stopwatch }
    const policy = release?.policy ?? policyWithoutRelease
    const { context } = question
    const known = {
      ...{ session, totals, event: newestProperties(cleaned, visitor), context },
      time: numbersOf(timeIn(timeZoneOf(context, policy.policy.timeZone), receivedAt)),
    }
    const inferred = await infer(known, placement, release, ports)
    const item = (id: string) => release?.item(id)
    const { scope, ...told } = scopeOf(policy, {
      visitor,
      session,
      totals,
      context,
      at: receivedAt,
      item,
    })
    const decided = decideItems({
      ...{ ...inferred, placement, scope, item },
      itemsMax: question.limit ?? limits.decisionItemsDefault,
    })
    const { items } = decided
    countFailures(decided, environment)
    const features = { ...inferred.features, ...told }
    const record = recordOf(question, session, { ...inferred, features }, items, release, {
      decisionId: environment.newId(),
      at: receivedAt,
    })
    const receipt = await remember(cleaned, site, environment, { visitor, record })
    const fallback = inferred.fallback ?? 'none'
    environment.counters.add('shelfedge_decisions_total', 1, ['fallback', fallback])
    const { decisionId, placement: name, release: digest, model } = record
    return {
      ...{ decisionId, placement: name, items, release: digest, model },
      fallback: inferred.fallback,
      inferenceMs: inferred.inferenceMs,
      ...answerBatch(cleaned, receipt, site, environment),
    }
  })
}

/** What the newest event of a question says; of events of one moment the last. */
function newestProperties({ visitors }: Cleaned, visitor: string) {
  const events = visitors.get(visitor) ?? []
  const newest = events.reduce<(typeof events)[number] | undefined>(
    (latest, event) => (latest && latest.timestamp > event.timestamp ? latest : event),
    undefined,
  )
  return newest?.properties ?? {}
}

function numbersOf({ hour, minute, weekday }: RuleTime) {
  return { hour: Number(hour), minute: Number(minute), weekday: Number(weekday) }
}

function recordOf(
  question: Question,
  session: Session | null,
  { features, model, fallback }: Inferred,
  items: readonly DecidedItem[],
  release: LoadedRelease | null,
  made: { readonly decisionId: string; readonly at: number },
): DecisionRecord {
  return {
    kind: 'decision',
    ...made,
    placement: question.placement,
    release: release?.digest ?? null,
    model,
    fallback,
    session: session?.id ?? '',
    features: { ...features },
    items: items.map((item) => item.id),
    scores: items.map((item) => item.score),
  }
}

/** A rule that fails has its stated outcome, and whoever wrote it finds it here. */
function countFailures({ effects }: Decided, { counters }: Environment): void {
  for (const { effect, failures } of effects) {
    counters.add('shelfedge_rule_failures_total', failures, ['effect', effect])
  }
}

function answerBatch(
  cleaned: Cleaned,
  receipt: Receipt,
  site: Site,
  { counters, popularity, releases }: Environment,
): BatchAnswer {
  counters.add('shelfedge_events_accepted_total', receipt.accepted)
  counters.add('shelfedge_events_duplicate_total', receipt.duplicates)
  for (const { reason } of cleaned.rejected) {
    counters.add('shelfedge_events_refused_total', 1, ['reason', reason])
  }
  if (receipt.duplicates === 0) {
    for (const [visitor, events] of cleaned.visitors) {
      popularity.count(site.id, events)
      const outcomes = events.filter(({ event }) => outcomeEvents.has(event)).length
      releases.countOutcomes(site.id, visitor, outcomes)
    }
  }
  return { ...receipt, rejected: cleaned.rejected }
}
