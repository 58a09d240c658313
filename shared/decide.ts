import { drawOf, type Explored, explore } from './explore.ts'
import type { CompiledItems, ItemRule as Rule } from './kinds/items.ts'
import { once } from './once.ts'
import type { Scope } from './policy/expression.ts'
import { RuleItem } from './policy/facts.ts'
import { type ActiveRule, type RuleEffect, ruling } from './policy/ruling.ts'
import { isLeftOut, isShownRule, readShown, type Shown, withShown } from './shown.ts'
import type { Namer } from './told.ts'

export interface ScoredItem {
  readonly id: string
  readonly score: number
}

export interface DecidedItem extends ScoredItem {
  readonly by: Namer
  readonly name?: string
  readonly category?: string
  readonly price?: number
}

export interface ItemsInput {
  readonly placement: CompiledItems
  /** Best first; may be empty. */
  readonly candidates: readonly ScoredItem[]
  /** What fills the answer when the candidates run out, best first. */
  readonly popular: readonly ScoredItem[]
  readonly scope: Scope
  readonly item: (id: string) => RuleItem | undefined
  readonly itemsMax: number
  /** Epoch ms. */
  readonly at: number
  /** What the last decision of this placement for this visitor left here; it may be of another policy. */
  readonly memory: unknown
  /** What chance follows from; absent where nothing is to be left to chance. */
  readonly decisionId?: string
}

export interface Decided {
  readonly items: readonly DecidedItem[]
  /** What each rule of the placement did, in their order. */
  readonly effects: readonly RuleEffect[]
  /** For the next decision of this placement and visitor; absent where no rule asks what was shown. */
  readonly memory?: object
  /** Where the placement explores. */
  readonly answer?: Explored & Readonly<Record<string, unknown>>
}

interface Candidate {
  readonly item: RuleItem
  readonly score: number
  readonly by: DecidedItem['by']
  /** Asks the filters that cost something, once, and only of what would be shown. */
  readonly isKept: () => boolean
}

type Of<Effect extends Rule['effect']> = Extract<Rule, { effect: Effect }>

/**
 * Turns scores into the answer of a placement: filter and boost each list, then places for pins and slots,
 * then the rest by score and diversity. The rules hold for every item, whoever named it.
 *
 * Errors: none; too few items that pass make a shorter answer, without gaps.
 */
export function decideItems(input: ItemsInput): Decided {
  const { active, effects } = ruling(input.placement, input.scope)
  const itemsMax = Math.min(input.itemsMax, input.placement.placement.itemsMax)
  const answer = new Answer(itemsMax, ofEffect(active, 'category-cap')[0]?.rule)
  const shown = readShown(input.memory)
  const filters = filtersOf(active, new Map(shown.map(([item, ...at]) => [item, at])), input.at)
  const rank = ranking(input, active, filters)
  const byModel = once(() => rank(input.candidates, 'model'))
  const byPopularity = once(() => rank(input.popular, 'popularity'))
  for (const { rule, report } of ofEffect(active, 'pin')) {
    const item = input.item(rule.item)
    if (item === undefined || !isKept(item, [...filters.cheap, ...filters.costly])) continue
    if (answer.put({ item, score: 0, by: 'pin', isKept: () => true }, rule.position))
      report.items.push(item.id)
  }
  for (const { rule, report, test } of ofEffect(active, 'slot')) {
    const fits = (each: Candidate) =>
      answer.takes(each, rule.position) && test(each.item) === 'yes' && each.isKept()
    // The second list is ranked only where the first has nothing for it.
    const found = byModel().find(fits) ?? byPopularity().find(fits)
    if (found && answer.put(found, rule.position)) report.items.push(found.item.id)
  }
  const diversity = ofEffect(active, 'diversity')[0]
  for (const list of [byModel, byPopularity]) {
    if (answer.isFull()) break
    fill(answer, list(), diversity?.rule.relevance ?? 1)
  }
  const { items: found, memory } = remembered(input, answer.items().map(describe), shown, effects)
  return { ...withChance(input, found, effects), effects, ...memory }
}

/** The items that can be remembered where a rule asks what was shown: what is forgotten could be shown too often. */
function remembered(
  { placement, at }: ItemsInput,
  items: readonly DecidedItem[],
  before: Shown,
  effects: readonly RuleEffect[],
): Pick<Decided, 'items'> & { readonly memory?: Pick<Decided, 'memory'> } {
  // Also of rules that are off for this visitor at this moment: they may be on at the next.
  const rules = placement.rules.flatMap(({ rule }) => (isShownRule(rule) ? [rule] : []))
  if (rules.length === 0) return { items }
  const ids = items.map(({ id }) => id)
  const bound = { rules, charactersMax: placement.memoryCharactersMax }
  const { shown, leftOut } = withShown(before, ids, at, bound)
  const first = effects[placement.rules.findIndex(({ rule }) => isShownRule(rule))]
  if (first && leftOut.size > 0) {
    first.reason = 'too_many_shown'
    first.items.push(...leftOut)
  }
  return { items: items.filter(({ id }) => !leftOut.has(id)), memory: { memory: { shown } } }
}

/** The items with what chance did to them, where the placement explores. */
function withChance(
  { placement: { placement, rules }, decisionId }: ItemsInput,
  items: readonly DecidedItem[],
  effects: readonly RuleEffect[],
): Pick<Decided, 'items' | 'answer'> {
  if (placement.explore === undefined || decisionId === undefined) return { items }
  const placing = effects.filter((_, at) => 'position' in (rules[at]?.rule ?? {}))
  const fixed = new Set(placing.flatMap((effect) => effect.items))
  const isFixed = ({ id }: DecidedItem) => fixed.has(id)
  const draw = drawOf(decisionId)
  const { items: explored, ...answer } = explore(items, isFixed, placement.explore, draw)
  return { items: explored, answer }
}

function ofEffect<Effect extends Rule['effect']>(active: readonly ActiveRule[], effect: Effect) {
  return active.flatMap(({ compiled: { rule }, report, test }) =>
    rule.effect === effect ? [{ rule: rule as Of<Effect>, report, test }] : [],
  )
}

/** Filters a list, boosts it and puts the best first; equal scores stay in their order. */
function ranking(
  input: ItemsInput,
  active: readonly ActiveRule[],
  { cheap, costly }: ReturnType<typeof filtersOf>,
) {
  const boosts = ofEffect(active, 'boost')
  return (list: readonly ScoredItem[], by: DecidedItem['by']): Candidate[] => {
    const kept: Candidate[] = []
    for (const { id, score: given } of list) {
      const item = input.item(id) ?? new RuleItem({ id }, -1)
      if (!isKept(item, cheap)) continue
      const score = boosted(given, item, boosts)
      kept.push({ item, score, by, isKept: once(() => isKept(item, costly)) })
    }
    return boosts.length === 0 ? kept : kept.sort((left, right) => right.score - left.score)
  }
}

/** Something that may hide an item: a filter, or a rule on what was shown. */
interface Hiding {
  readonly report: RuleEffect
  readonly keeps: (item: RuleItem) => boolean
}

/** Cheap are those whose verdicts are kept from decision to decision, and those on what was shown. */
function filtersOf(
  active: readonly ActiveRule[],
  shown: ReadonlyMap<string, readonly number[]>,
  at: number,
) {
  const cheap: Hiding[] = []
  const costly: Hiding[] = []
  for (const { compiled, report, test } of active) {
    const { rule, verdicts } = compiled
    if (isShownRule(rule)) {
      const keeps = ({ id }: RuleItem) => !isLeftOut(rule, shown.get(id) ?? [], at)
      // Where it fails to say whether it is about an item, it is.
      cheap.push({ report, keeps: (item) => keeps(item) || test(item) === 'no' })
    } else if (rule.effect === 'filter') {
      const hiding = { report, keeps: (item: RuleItem) => test(item) === 'yes' }
      if (verdicts === null) costly.push(hiding)
      else cheap.push(hiding)
    }
  }
  return { cheap, costly }
}

/** A filter that fails hides the item. */
function isKept(item: RuleItem, filters: readonly Hiding[]): boolean {
  for (const { report, keeps } of filters) {
    if (keeps(item)) continue
    report.items.push(item.id)
    return false
  }
  return true
}

function boosted(
  score: number,
  item: RuleItem,
  boosts: readonly (Pick<ActiveRule, 'report' | 'test'> & { readonly rule: Of<'boost'> })[],
): number {
  let product = score
  for (const { rule, report, test } of boosts) {
    if (test(item) !== 'yes') continue
    product *= rule.factor
    report.items.push(item.id)
  }
  return Math.min(product, Number.MAX_VALUE)
}

/** Takes the best by maximal marginal relevance until the list or the answer has ended. */
function fill(answer: Answer, list: readonly Candidate[], relevance: number): void {
  const isByScore = relevance === 1
  const left = isByScore ? [...list] : list.filter((each) => each.isKept())
  const highest = Math.max(Number.MIN_VALUE, ...left.map(({ score }) => score))
  const worthOf = ({ item, score }: Candidate) =>
    (relevance * score) / highest - (answer.hasCategory(item.category) ? 1 - relevance : 0)
  while (left.length > 0 && !answer.isFull()) {
    let best = 0
    if (!isByScore) {
      const values = left.map(worthOf)
      best = values.indexOf(Math.max(...values))
    }
    const [candidate] = left.splice(best, 1)
    if (candidate?.isKept()) answer.add(candidate)
  }
}

/** The places of an answer: each item once, each category to its cap. */
class Answer {
  readonly #places: (Candidate | undefined)[]
  readonly #capMax: number
  readonly #ids = new Set<string>()
  readonly #inCategory = new Map<string, number>()
  #next = 0

  constructor(itemsMax: number, cap: Of<'category-cap'> | undefined) {
    this.#places = new Array(itemsMax).fill(undefined)
    this.#capMax = cap?.itemsMax ?? Number.POSITIVE_INFINITY
  }

  isFull(): boolean {
    return this.#ids.size >= this.#places.length
  }

  hasCategory(category: string | undefined): boolean {
    return category !== undefined && this.#inCategory.has(category)
  }

  /** Whether a place (the first is 1) is free and the item may be in the answer. */
  takes({ item: { id, category } }: Candidate, position: number): boolean {
    if (position > this.#places.length || this.#places[position - 1] !== undefined) return false
    if (this.#ids.has(id)) return false
    return category === undefined || (this.#inCategory.get(category) ?? 0) < this.#capMax
  }

  put(candidate: Candidate, position: number): boolean {
    if (!this.takes(candidate, position)) return false
    const { id, category } = candidate.item
    this.#places[position - 1] = candidate
    this.#ids.add(id)
    if (category !== undefined) {
      this.#inCategory.set(category, (this.#inCategory.get(category) ?? 0) + 1)
    }
    return true
  }

  /** Puts at the first free place. */
  add(candidate: Candidate): void {
    while (this.#places[this.#next] !== undefined) this.#next++
    this.put(candidate, this.#next + 1)
  }

  items(): Candidate[] {
    return this.#places.filter((each) => each !== undefined)
  }
}

function describe({ item: { id, name, category, price }, score, by }: Candidate): DecidedItem {
  return {
    ...{ id, score, by },
    ...(name === undefined ? {} : { name }),
    ...(category === undefined ? {} : { category }),
    ...(price === undefined ? {} : { price }),
  }
}
