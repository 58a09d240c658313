import * as v from 'valibot'
import type { ScoredItem } from '#shared/decide.ts'
import {
  type DecisionInputs,
  decisionInputsSchema,
  effectsToKeep,
} from '#shared/decision-inputs.ts'
import type { Outcome } from '#shared/kinds/kind.ts'
import { type ItemModel, popularityModel, type TimeOfDayModel } from '#shared/model.ts'
import { namedItems } from '#shared/named-items.ts'
import {
  type CompiledPlacement,
  type CompiledPolicy,
  compilePolicy,
} from '#shared/policy/compile.ts'
import { RuleItem, type SessionFacts } from '#shared/policy/facts.ts'
import { holdoutOf } from '#shared/policy/holdout.ts'
import type { RuleEffect } from '#shared/policy/ruling.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import { defaultPolicy } from '#shared/policy.ts'
import { type ReleaseParts, unpackRelease } from '#shared/release.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Candidates } from '#shared/session-knn.ts'
import { scoreOf } from '#shared/stream/anomaly.ts'
import type { KeptForecast } from '#shared/stream/remembered.ts'
import { encodeFeatures, type FeatureValues } from '#shared/tabular/read-features.ts'
import type { TextInputs } from '#shared/text/read-text.ts'
import { slotOf } from '#shared/time-of-day.ts'
import { detailsOf } from '#shared/told.ts'
import type { Totals } from '#shared/totals.ts'
import type { Blobs } from '../registry/blobs.ts'
import type { StoredDecision } from './find-decision.ts'
import { ReplayedModels, type Runtime } from './replay-model.ts'

/** A decision made again from what is stored with it, beside what was answered then. */
export interface Replay {
  readonly same: boolean
  /** Which parts of the answer differ. */
  readonly differences: readonly string[]
  readonly items: readonly { readonly id: string; readonly score: number; readonly by: string }[]
  readonly answer: Outcome['answer']
  readonly score: number | null
  /** What every rule of the placement did, those that did nothing too. */
  readonly effects: readonly RuleEffect[]
}

type Parts = Pick<ReleaseParts, 'policy' | 'catalogue' | 'popularity'> &
  Partial<Pick<ReleaseParts, 'manifest' | 'models'>>

/**
 * Decides again by the release that decided, with the code that decided: the same features into the same model,
 * the same rules on what it says. Throws RequestRefused where the release or the inputs are not there.
 */
export async function replayDecision(decision: StoredDecision, blobs: Blobs): Promise<Replay> {
  const parts = await partsOf(decision, readInputs(decision).popular ?? [], blobs)
  const release = new ReplayedRelease(parts)
  try {
    const { outcome, score } = await release.decide(decision)
    return compared(decision, outcome, score)
  } finally {
    await release.close()
  }
}

/** Of models that name items by a session and nothing else. */
const itemFamilies: ReadonlySet<string> = new Set<ItemModel['family']>(['session-knn', 'sequence'])

/** A decision to make again; without its id nothing is left to chance. */
type Redecided = Omit<StoredDecision, 'decisionId'> & { readonly decisionId?: string }

/** A release that makes stored decisions again, one after the other; its models are loaded once. */
export class ReplayedRelease {
  readonly #parts: Parts
  readonly #compiled: CompiledPolicy
  readonly #numbers: ReadonlyMap<string, number>
  readonly #items: readonly RuleItem[]
  readonly #models: ReplayedModels

  constructor(parts: Parts) {
    this.#parts = parts
    const { items } = parts.catalogue
    this.#compiled = compilePolicy(parts.policy, items)
    this.#numbers = new Map(items.map(({ id }, number) => [id, number]))
    this.#items = items.map((facts, number) => new RuleItem(facts, number))
    this.#models = new ReplayedModels(parts.models ?? {})
  }

  /** Throws RequestRefused where the release has no such placement. */
  placementOf(name: string): CompiledPlacement {
    const placement = this.#compiled.placements.get(name)
    if (placement) return placement
    throw cannot(`its release has no placement ${name}`)
  }

  /** Throws RequestRefused where a placement's model reads more than the session: of another one it was not stored. */
  checkNamesItemsOfSessions(placement: string): void {
    const { model = popularityModel } = this.placementOf(placement).placement
    const family = this.#parts.manifest?.models[model]?.family
    if (family === undefined || itemFamilies.has(family)) return
    throw cannot(`${model} names no items of a session`)
  }

  knows(item: string): boolean {
    return this.#numbers.has(item)
  }

  /** Throws RequestRefused where the placement or the inputs are not there. */
  async decide(decision: Redecided): Promise<{ outcome: Outcome; score: number | null }> {
    const inputs = readInputs(decision)
    const placement = this.placementOf(decision.placement)
    if (inputs.by === 'clock') return { outcome: byClock(placement, decision, inputs), score: null }
    const { policy, popularity } = this.#parts
    const { decisionId, visitor, at, features } = decision
    const holdout = holdoutOf(policy, decision.placement, visitor)
    const item = (id: string) => this.#items[this.#numbers.get(id) ?? -1]
    const inferred = await inferAgain(decision, this.#parts, this.#numbers, this.#models)
    const session = sessionFacts(features, inputs)
    const { scope } = scopeOf(this.#compiled, {
      ...{ visitor, session, at, item, score: inferred.score },
      totals: features.totals as Totals,
      context: features.context as Record<string, unknown>,
      timeZone: inputs.timeZone,
      event: {
        declared: placement.placement.event ?? {},
        properties: (features.event ?? {}) as Record<string, unknown>,
      },
    })
    const outcome = placement.decide({
      ...{
        ...(decisionId !== undefined && { decisionId }),
        scope,
        at,
        item,
        candidates: inferred.candidates,
      },
      ...{ memory: inputs.memory ?? null, reservations: inputs.reservations },
      popular: holdout === 'nothing' ? [] : popularity,
      itemsMax: holdout === 'nothing' ? 0 : inputs.itemsMax,
      segmentNames: segmentNamesOf(this.#parts, decision.model),
      events: inputs.events.map((event) => ({ event })),
    })
    return { outcome, score: inferred.score }
  }

  close(): Promise<void> {
    return this.#models.close()
  }
}

/** Of what is remembered alone. Throws RequestRefused where the clock decides nothing of the placement. */
function byClock(
  { decideByClock }: CompiledPlacement,
  { at, placement }: Redecided,
  { memory = null }: DecisionInputs,
): Outcome {
  if (decideByClock) return decideByClock({ at, memory })
  throw cannot(`the clock decides nothing of ${placement}`)
}

export function readInputs({ inputs }: Pick<StoredDecision, 'inputs'>): DecisionInputs {
  const parsed = v.safeParse(decisionInputsSchema, inputs)
  if (parsed.success) return parsed.output
  throw cannot('it was made by a POP that did not store what replaying needs')
}

async function partsOf(
  { release }: StoredDecision,
  popular: readonly ScoredItem[],
  blobs: Blobs,
): Promise<Parts> {
  if (release === null) {
    return { policy: defaultPolicy, catalogue: { items: [] }, popularity: [...popular] }
  }
  const bytes = await blobs.get(release)
  if (bytes === null) throw cannot(`its release ${release.slice(0, 12)} is not kept here`)
  return unpackRelease(bytes)
}

interface Inferred {
  readonly candidates: readonly ScoredItem[]
  readonly score: number | null
}

/** What the model said: of the features that are stored, whatever has become of the visitor since. */
async function inferAgain(
  decision: Redecided,
  release: Parts,
  numbers: ReadonlyMap<string, number>,
  open: ReplayedModels,
): Promise<Inferred> {
  const { model: name, fallback, features } = decision
  const nothing = { candidates: [], score: null }
  const { manifest, models, catalogue } = release
  const declared = manifest?.models[name]
  const bytes = models?.[name]
  // What a stream was before is not kept: what it said of the readings is, and what a model foretold them from.
  if (features.streamScore !== undefined) {
    const score = await streamScore(decision, declared?.family === 'forecast' ? name : null, open)
    return { ...nothing, score }
  }
  if (declared === undefined || bytes === undefined || fallback === 'model_failed') return nothing
  const runtime: Runtime = fallback === 'scorer_typescript' ? 'typescript' : 'wasm'
  if (declared.family === 'tabular') {
    const row = encodeFeatures(declared.features, features.inputs as FeatureValues)
    return { ...nothing, score: await open.score(name, declared, row, runtime) }
  }
  if (declared.family === 'text') {
    const text = features.text as TextInputs
    if (text.words.length === 0) return nothing
    return { ...nothing, score: await open.ofText(name, text, runtime) }
  }
  const seen = Int32Array.from(features.items as string[], (id) => numbers.get(id) as number)
  const ids = catalogue.items.map(({ id }) => id)
  if (declared.family === 'stream' || declared.family === 'forecast') return nothing
  if (declared.family !== 'time-of-day') {
    const candidates = await open.ofSession(name, declared, seen, runtime)
    return { ...nothing, candidates: namedItems(candidates, ids) }
  }
  const near = await besideOf(declared, release, seen, runtime, open)
  const values = features.inputs as FeatureValues
  const [hour = 0, weekday = 1] = encodeFeatures(declared.features, values)
  const slot = slotOf({ hour, weekday })
  const candidates = await open.ofTime(name, declared, slot, near, runtime)
  return { ...nothing, candidates: namedItems(candidates, ids) }
}

/** What a stream said of a reading: of one that a model foretold it foretells the same again. */
async function streamScore(
  { features, fallback }: Redecided,
  model: string | null,
  open: ReplayedModels,
): Promise<number | null> {
  const forecast = features.forecast as KeptForecast | undefined
  if (model === null || forecast === undefined) return features.streamScore as number | null
  const runtime: Runtime = fallback === 'scorer_typescript' ? 'typescript' : 'wasm'
  const window = Float32Array.from(forecast.window)
  return scoreOf(forecast, await open.ofStream(model, window, runtime))
}

/** What the session model named that a model of the time of day weighs; nothing where there is no session. */
async function besideOf(
  { beside }: TimeOfDayModel,
  { manifest, models }: Parts,
  seen: Int32Array,
  runtime: Runtime,
  open: ReplayedModels,
): Promise<Candidates> {
  const declared = manifest?.models[beside]
  const bytes = models?.[beside]
  const isOfItems = declared?.family === 'session-knn' || declared?.family === 'sequence'
  if (!isOfItems || bytes === undefined || seen.length === 0) {
    return { items: Int32Array.of(), scores: Float32Array.of() }
  }
  const own = declared.family === 'sequence' ? 'wasm' : runtime
  return open.ofSession(beside, declared, seen, own)
}

/** As the POP read them from the release. */
function segmentNamesOf({ manifest }: Parts, model: string): readonly string[] | undefined {
  const declared = manifest?.models[model]
  return declared?.family === 'tabular' ? declared.segments?.map(({ name }) => name) : undefined
}

/** A session as the rules saw it: most of it is among the features, the rest in the inputs. */
function sessionFacts(
  features: StoredDecision['features'],
  { session: { events, bot, items } }: DecisionInputs,
): SessionFacts {
  const number = (name: string) => Number(features[name] ?? 0)
  return {
    ...{ events, bot, items: items ?? (features.items as string[]) },
    ...{ views: number('views'), carts: number('carts'), purchases: number('purchases') },
    // Rules read how long it lasts, not when it began.
    ...{ spend: number('spend'), startedAt: 0, lastAt: number('lengthMs') },
  }
}

function compared(decision: StoredDecision, outcome: Outcome, score: number | null): Replay {
  const { items, answer, effects } = outcome
  const then = {
    items: decision.items,
    scores: decision.scores,
    itemDetails: decision.itemDetails,
    answer: decision.answer,
    score: decision.features.score ?? null,
    effects: decision.effects,
  }
  const kept = effectsToKeep(decision.answerKind, effects)
  // What rules of a price came to is stored since 2026-11-26.
  const hasAmounts = then.effects.some(({ amount }) => amount !== undefined)
  const now = {
    items: items.map(({ id }) => id),
    scores: items.map((each) => each.score),
    itemDetails: decision.itemDetails && detailsOf(items),
    ...{ answer, score },
    effects: hasAmounts ? kept : kept.map(({ amount: _, ...effect }) => effect),
  }
  const parts = Object.keys(then) as (keyof typeof then)[]
  const differences = parts.filter((part) => canonical(then[part]) !== canonical(now[part]))
  return {
    ...{ same: differences.length === 0, differences, answer, score, effects },
    items: items.map(({ id, score: own, by }) => ({ id, score: own, by })),
  }
}

/** JSON with sorted keys: the store and the wire may write an object in another order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

function cannot(detail: string): RequestRefused {
  return new RequestRefused(409, 'not_replayable', `it cannot be made again: ${detail}`)
}
