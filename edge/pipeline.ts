import type { EventType, ShelfEvent } from '#shared/event.ts'
import { visitorKey } from '#shared/id.ts'
import type { Outcome } from '#shared/kinds/kind.ts'
import { limits } from '#shared/limits.ts'
import type { CompiledPlacement } from '#shared/policy/compile.ts'
import { contextOfTrigger } from '#shared/policy/context.ts'
import type { Site } from '#shared/sites.ts'
import { type ToldDecision, toldOf } from '#shared/told.ts'
import { type Cleaned, clean, type Rejected } from './clean.ts'
import { type Collected, collect, eventOfCall, eventsOfBatch, siteOfQuery } from './collect.ts'
import { decide, type Made, newestOf } from './decide.ts'
import type { Environment } from './environment.ts'
import { policyWithoutRelease } from './infer.ts'
import { link } from './link.ts'
import { look } from './look.ts'
import { type Question, readQuestion } from './question.ts'
import type { Later } from './releases/follow-shelf.ts'
import type { LoadedRelease } from './releases/load.ts'
import { type Receipt, remember } from './remember.ts'
import { triggersOf } from './triggers.ts'
import { warnOfContextTypes } from './warnings/context.ts'
import { warnOfDeclared } from './warnings/events.ts'
import { warnOfBatch, warnOfCall, warnOfQuery, warnOfQuestion } from './warnings/requests.ts'
import type { Warning, Warnings } from './warnings/warnings.ts'

type Moment = Pick<Collected, 'site' | 'receivedAt'>

export interface BatchAnswer extends Receipt {
  readonly rejected: readonly Rejected[]
  /** Decisions that events set off, in their order; absent where none did. */
  readonly decisions?: readonly ToldDecision[]
  /** What was taken though a part of it means nothing here; absent where all is understood. */
  readonly warnings?: readonly Warning[]
}

export interface DecideAnswer extends ToldDecision, BatchAnswer {
  readonly inferenceMs: number
}

/**
 * The life of an event: collect → clean → link → decide where a placement listens to it → remember → answer.
 * It is answered when it is durable; the visitor's object forwards it to the hub from there.
 */
export async function takeEvents(
  request: Request,
  environment: Environment,
  later: Later,
  type?: EventType,
): Promise<BatchAnswer> {
  const collected = await collect(request, environment)
  const { body, site } = collected
  const raw = type ? eventOfCall(body, type) : eventsOfBatch(body, 'batch', limits.batchEventsMax)
  const cleaned = clean(raw, collected)
  const read = { body, raw, rejected: cleaned.rejected }
  const warnings = type ? warnOfCall(read) : warnOfBatch(read)
  await link(cleaned, site, environment)
  const { decisions, rest, ...decided } = await decideTriggered(
    cleaned,
    { ...collected, warnings },
    environment,
    later,
  )
  const remembered = await remember(rest, site, environment)
  const receipt = {
    accepted: decided.accepted + remembered.accepted,
    duplicates: decided.duplicates + remembered.duplicates,
  }
  const answer = answerBatch(cleaned, receipt, { site, warnings }, environment)
  return decisions.length === 0 ? answer : { ...answer, decisions }
}

/**
 * Each event that a placement listens to is decided on at its place in its visitor's order, and committed with
 * those before it and the decision; `rest` is what is left to remember.
 */
async function decideTriggered(
  cleaned: Cleaned,
  { site, receivedAt: at, warnings }: Moment & { readonly warnings: Warnings },
  environment: Environment,
  later: Later,
) {
  const decisions: ToldDecision[] = []
  const committed = new Set<ShelfEvent>()
  let [accepted, duplicates] = [0, 0]
  for (const [visitor, events] of cleaned.visitors) {
    const names = events.map(({ event }) => event)
    if (!(await environment.releases.hears(site.id, later, names))) continue
    await environment.releases.use(site.id, visitor, later, async (release) => {
      const policy = release?.policy ?? policyWithoutRelease
      const own: ToldDecision[] = []
      // Events whose trigger decides nothing go with the next one: a visitor's order holds.
      let brought: readonly ShelfEvent[] = []
      for (const { event, placements, events: since } of triggersOf(events, policy, at)) {
        brought = [...brought, ...since]
        if (decisions.length + own.length + placements.length > limits.triggeredDecisionsMax) {
          environment.counters.add('shelfedge_triggers_left_out_total', placements.length)
          continue
        }
        const upToIt = { ...cleaned, visitors: new Map([[visitor, brought]]), refusals: [] }
        const { isLastNew } = await look(visitor, upToIt, site, environment)
        if (!isLastNew) continue
        warnOfContextTypes(event.context, policy.policy, warnings)
        for (const name of placements) {
          const { placement } = policy.placements.get(name) as CompiledPlacement
          warnOfDeclared(event, [name, placement], warnings)
        }
        const context = contextOfTrigger(policy.policy.context, event.context)
        const questions = placements.map((placement) => ({
          question: { placement, context },
          trigger: event,
        }))
        const { userId } = event
        const asked = { visitor, userId, questions, cleaned: upToIt, site, at, release }
        const { made, receipt } = await decide(asked, environment)
        accepted += receipt.accepted
        duplicates += receipt.duplicates
        for (const each of brought) committed.add(each)
        own.push(...made.map((each) => answerDecision(each, environment)))
        brought = []
      }
      decisions.push(...own)
      if (own.length === 0) return null
      return { fallback: own.find(({ fallback }) => fallback !== null)?.fallback ?? null }
    })
  }
  return { decisions, accepted, duplicates, rest: without(committed, cleaned) }
}

function without(committed: ReadonlySet<ShelfEvent>, cleaned: Cleaned): Cleaned {
  if (committed.size === 0) return cleaned
  const left = [...cleaned.visitors].map(
    ([visitor, events]) => [visitor, events.filter((event) => !committed.has(event))] as const,
  )
  return { ...cleaned, visitors: new Map(left.filter(([, events]) => events.length > 0)) }
}

/**
 * The life of a decision: collect → clean → link → look → infer → decide → remember → answer.
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
  await link(cleaned, collected.site, environment)
  const newest = newestOf(cleaned.visitors.get(visitorKey(question) as string) ?? [])
  const read = { body: collected.body, raw, rejected: cleaned.rejected }
  return answerQuestion(question, cleaned, collected, environment, later, (release) =>
    warnOfQuestion(read, { question, newest }, release),
  )
}

/** The same for a plain page: `GET /v1/recommendations`, with the question in the address. */
export async function takeRecommendations(
  request: Request,
  environment: Environment,
  later: Later,
): Promise<DecideAnswer> {
  const query = Object.fromEntries(new URL(request.url).searchParams)
  const collected = { site: siteOfQuery(request, environment), receivedAt: environment.now() }
  const limit = query.limit === undefined ? undefined : numberOf(query.limit)
  const { context: _notText, ...asked } = query
  const question = readQuestion({ placement: 'product-page', ...asked, limit })
  const cleaned = clean([], collected)
  return answerQuestion(question, cleaned, collected, environment, later, () => warnOfQuery(query))
}

/** Text that is no number stays as it is, to be refused as what it was. */
function numberOf(text: string): number | string {
  const number = Number(text)
  return text.trim() === '' || Number.isNaN(number) ? text : number
}

async function answerQuestion(
  question: Question,
  cleaned: Cleaned,
  { site, receivedAt }: Moment,
  environment: Environment,
  later: Later,
  warn: (release: LoadedRelease | null) => Warnings,
): Promise<DecideAnswer> {
  const visitor = visitorKey(question) as string
  return environment.releases.use(site.id, visitor, later, async (release) => {
    const { userId } = question
    const questions = [{ question }]
    const asked = { visitor, userId, questions, cleaned, site, at: receivedAt, release }
    const { made, receipt } = await decide(asked, environment)
    const [first] = made as [Made]
    return {
      ...answerDecision(first, environment),
      inferenceMs: first.inferred.inferenceMs,
      ...answerBatch(cleaned, receipt, { site, warnings: warn(release) }, environment),
    }
  })
}

function answerDecision(
  { record, inferred, outcome }: Made,
  environment: Environment,
): ToldDecision {
  countFailures(outcome, environment)
  const fallback = inferred.fallback ?? 'none'
  environment.counters.add('shelfedge_decisions_total', 1, ['fallback', fallback])
  return toldOf(record)
}

/** A rule that fails has its stated outcome, and whoever wrote it finds it here. */
function countFailures({ effects }: Outcome, { counters }: Environment): void {
  for (const { effect, failures } of effects) {
    counters.add('shelfedge_rule_failures_total', failures, ['effect', effect])
  }
}

function answerBatch(
  cleaned: Cleaned,
  receipt: Receipt,
  { site, warnings }: { readonly site: Site; readonly warnings: Warnings },
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
      releases.countOutcomes(site.id, visitor, events)
    }
  }
  const { accepted, duplicates } = receipt
  const answer = { accepted, duplicates, rejected: cleaned.rejected }
  if (warnings.list.length === 0) return answer
  for (const { code } of warnings.list) counters.add('shelfedge_warnings_total', 1, ['code', code])
  return { ...answer, warnings: warnings.list }
}
