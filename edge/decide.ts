import type { DecisionRecord } from '#shared/contract.ts'
import { type DecisionInputs, effectsToKeep, inputsOf } from '#shared/decision-inputs.ts'
import type { ShelfEvent } from '#shared/event.ts'
import type { Outcome } from '#shared/kinds/kind.ts'
import { limits } from '#shared/limits.ts'
import type { CompiledPlacement, CompiledPolicy } from '#shared/policy/compile.ts'
import type { RuleTime } from '#shared/policy/facts.ts'
import { holdoutOf } from '#shared/policy/holdout.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import { timeIn, timeZoneOf } from '#shared/policy/time.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Session } from '#shared/session.ts'
import type { Site } from '#shared/sites.ts'
import { detailsOf } from '#shared/told.ts'
import type { Cleaned } from './clean.ts'
import type { Environment } from './environment.ts'
import type { Inferred } from './infer/inferred.ts'
import { infer, placementOf, policyWithoutRelease } from './infer.ts'
import { lookAtKnown, lookAtPerson, type SeenVisitor } from './look.ts'
import { placementMemoryOf } from './placement-memory.ts'
import type { Question } from './question.ts'
import type { LoadedRelease } from './releases/load.ts'
import { remember } from './remember.ts'
import { reserve } from './reserve.ts'
import type { MemoryChange } from './visitors/memory.ts'

/** Questions of one visitor and moment, with all that answering them starts from. */
interface Asked {
  readonly visitor: string
  /** The user whom they name. */
  readonly userId: string | undefined
  readonly questions: readonly AskedQuestion[]
  readonly cleaned: Cleaned
  readonly site: Site
  readonly at: number
  readonly release: LoadedRelease | null
}

interface AskedQuestion {
  readonly question: Question
  /** The event that set the decision off, the last of its visitor's. */
  readonly trigger?: ShelfEvent
}

/** A decision with what it was made from. */
export type Made = Awaited<ReturnType<typeof decideOnce>>

/**
 * Decides, and commits the decisions with the events in one piece: whoever is refused can send it all again. Where
 * another decision of this visitor changed what a placement remembers meanwhile, they are made again from that. An event
 * that comes twice at once sets off one decision: none is made for whoever is second.
 */
export async function decide(asked: Asked, environment: Environment) {
  const { visitor, site } = asked
  let { cleaned } = asked
  const decidesOnLast = asked.questions.some(({ trigger }) => trigger !== undefined)
  let [accepted, duplicates] = [0, 0]
  for (let tries = 0; tries < limits.decisionTriesMax; tries++) {
    const view = await seeVisitor(asked, tries, environment)
    const made: Made[] = []
    // At the first try whoever asks has just looked.
    const isSettled = decidesOnLast && tries > 0 && !view.isLastNew
    if (!isSettled) {
      for (const each of asked.questions) {
        made.push(await decideOnce(each, asked, view, environment))
      }
    }
    const receipt = await remember(cleaned, site, environment, {
      ...{ visitor, seen: view.seen, decidesOnLast: decidesOnLast && !isSettled },
      records: made.map(({ record }) => record),
      memories: made.flatMap(({ memory }) => memory ?? []),
    })
    accepted += receipt.accepted
    duplicates += receipt.duplicates
    if (!receipt.isOvertaken) return { made, receipt: { accepted, duplicates } }
    // What came with them of others is durable by now.
    const own = cleaned.visitors.get(visitor)
    cleaned = { ...cleaned, visitors: new Map(own && [[visitor, own]]), refusals: [] }
  }
  const placements = asked.questions.map(({ question }) => question.placement).join(', ')
  const detail = `too many decisions of ${placements} for one visitor at once; send it again`
  throw new RequestRefused(429, 'overloaded', detail, 1)
}

/** Looks where this isolate does not know the visitor, knew what is no longer so, or something would be spent on it. */
async function seeVisitor(
  { visitor, userId, cleaned, site, questions, release }: Asked,
  tries: number,
  environment: Environment,
): Promise<SeenVisitor> {
  const reserves = questions.some(({ question }) => placementOf(question.placement, release).wants)
  const mayBeKnown = userId === undefined && tries === 0 && !reserves
  const known = mayBeKnown ? lookAtKnown(visitor, cleaned, site, environment) : null
  return known ?? lookAtPerson(visitor, userId, cleaned, site, environment)
}

/** infer → decide, of one release and one moment; writes nothing. */
async function decideOnce(
  each: AskedQuestion,
  asked: Asked,
  view: SeenVisitor,
  environment: Environment,
) {
  const { question } = each
  const { visitor, site, at, release } = asked
  const placement = placementOf(question.placement, release)
  const policy = release?.policy ?? policyWithoutRelease
  const known = lookAround(each, asked, view, placement, policy)
  const { session, events, memory } = known
  const { popularity, stopwatch } = environment
  const holdout = holdoutOf(policy.policy, question.placement, visitor)
  const inferred = await infer(known, placement, release, {
    ...{ now: at, site: site.id, popularity, stopwatch, holdout },
  })
  const item = (id: string) => release?.item(id)
  const { scope, ...told } = scopeOf(policy, {
    ...{ ...known, visitor, at, item, score: inferred.score },
    event: { declared: placement.placement.event ?? {}, properties: known.event },
  })
  const itemsMax = question.limit ?? limits.decisionItemsDefault
  // Not even a pin reaches whoever gets nothing.
  const shown = { scope, at, memory, itemsMax: holdout === 'nothing' ? 0 : itemsMax }
  const reservations = await reserve(placement, shown, { site: site.id, visitor }, environment)
  const decisionId = environment.newId()
  const outcome = placement.decide({
    ...{ ...inferred, ...shown, decisionId, reservations, item, events },
  })
  const ofProfile = known.toldProfile === null ? {} : { profile: known.toldProfile }
  const seen = { ...inferred, features: { ...inferred.features, ...told, ...ofProfile } }
  const inputs = inputsOf({
    ...{ session, itemsSeen: inferred.features.items.length, itemsMax, events, memory },
    ...{ timeZone: known.timeZone, reservations, eventAt: each.trigger?.timestamp },
    popular: release === null ? inferred.popular : null,
  })
  const decided = { ...outcome, inputs }
  const record = recordOf(decisionId, each, asked, placement, session, seen, decided)
  return {
    record,
    inferred,
    outcome,
    memory: changeOf(question.placement, known, inferred, outcome),
  }
}

/** What is known of who asks, and of the moment and the place. */
function lookAround(
  { question, trigger }: AskedQuestion,
  { visitor, cleaned, at, release }: Asked,
  { session, totals, memory, profile }: SeenVisitor,
  placement: CompiledPlacement,
  policy: CompiledPolicy,
) {
  const { context } = question
  const events = cleaned.visitors.get(visitor) ?? []
  const timeZone = timeZoneOf(context, policy.policy.timeZone)
  const { kind, ...remembered } = placementMemoryOf(memory, question.placement, placement, release)
  const outOfPolicy = Object.keys(memory).filter((name) => !policy.placements.has(name))
  return {
    ...{ session, totals, context, events, timeZone, ...remembered, outOfPolicy },
    profile: profile?.values ?? null,
    /** With its moment, as it is logged. */
    toldProfile: profile,
    event: trigger?.properties ?? newestOf(events)?.properties ?? {},
    readings: trigger ? [trigger] : events,
    time: numbersOf(timeIn(timeZone, at)),
    /** What the placement remembers of its kind. */
    memory: kind,
  }
}

/** What the placement is to remember from now on; undefined where nothing has changed. */
function changeOf(
  placement: string,
  { isStream, before, memory, stream, outOfPolicy }: ReturnType<typeof lookAround>,
  inferred: Inferred,
  outcome: Outcome,
): MemoryChange | undefined {
  const kind = outcome.memory === undefined ? memory : outcome.memory
  const after = isStream ? { stream: inferred.stream ?? stream, kind } : outcome.memory
  if (after === undefined) return undefined
  const { dueAt } = outcome
  return {
    ...{ placement, before, after },
    ...(outOfPolicy.length > 0 && { outOfPolicy }),
    ...(dueAt !== undefined && { dueAt }),
  }
}

/** The newest of a question's events, which rules may read; of events of one moment the last. */
export function newestOf(events: readonly ShelfEvent[]): ShelfEvent | undefined {
  return events.toSorted((left, right) => left.timestamp - right.timestamp).at(-1)
}

function numbersOf({ hour, minute, weekday }: RuleTime) {
  return { hour: Number(hour), minute: Number(minute), weekday: Number(weekday) }
}

function recordOf(
  decisionId: string,
  { question, trigger }: AskedQuestion,
  { at, release }: Asked,
  { placement }: CompiledPlacement,
  session: Session | null,
  { features, model, fallback }: Inferred,
  { items, answer, effects, inputs }: Outcome & { readonly inputs: DecisionInputs },
): DecisionRecord {
  return {
    kind: 'decision',
    decisionId,
    at,
    placement: question.placement,
    release: release?.digest ?? null,
    model,
    fallback,
    session: session?.id ?? '',
    features: { ...features },
    inputs,
    effects: effectsToKeep(placement.kind, effects),
    answerKind: placement.kind,
    answer,
    items: items.map((item) => item.id),
    scores: items.map((item) => item.score),
    itemDetails: detailsOf(items),
    ...(trigger && { messageId: trigger.messageId }),
  }
}
