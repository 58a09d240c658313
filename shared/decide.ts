import type { ItemFacts, Placement } from './policy.ts'

export interface ScoredItem {
  readonly id: string
  readonly score: number
}

export interface DecidedItem extends ScoredItem {
  /** Which model named it: the placement's, or the popularity list that fills what it left open. */
  readonly by: 'model' | 'popularity'
  readonly name?: string
  readonly category?: string
  readonly price?: number
}

export interface DecisionInput {
  readonly placement: Placement
  /** Best first; may be empty. */
  readonly candidates: readonly ScoredItem[]
  /** What fills the answer when the candidates run out, best first. */
  readonly popular: readonly ScoredItem[]
  /** Items of the visitor's session, newest last; the last one is the one looked at now. */
  readonly seen: readonly string[]
  readonly facts: (item: string) => ItemFacts | undefined
  readonly itemsMax: number
}

/**
 * Turns scores into the answer of a placement: the rules hold for every item, whichever model named it.
 *
 * Errors: none; too few items that pass make a shorter answer.
 */
export function decideItems(input: DecisionInput): DecidedItem[] {
  const allowed = ruleOf(input)
  const itemsMax = Math.min(input.itemsMax, input.placement.itemsMax)
  const decided: DecidedItem[] = []
  const take = (items: readonly ScoredItem[], by: DecidedItem['by']) => {
    for (const item of items) {
      if (decided.length >= itemsMax) return
      if (allowed(item.id)) decided.push(describe(item, by, input.facts(item.id)))
    }
  }
  take(input.candidates, 'model')
  take(input.popular, 'popularity')
  return decided
}

/** A predicate that keeps count: each item at most once, each category at most to its cap. */
function ruleOf({ placement, seen, facts }: DecisionInput): (item: string) => boolean {
  const excluded = new Set<string>(placement.exclude.includes('seen') ? seen : [])
  const current = seen.at(-1)
  if (placement.exclude.includes('current') && current !== undefined) excluded.add(current)
  const inCategory = new Map<string, number>()
  return (item) => {
    if (excluded.has(item)) return false
    const known = facts(item)
    if (placement.exclude.includes('unavailable') && known?.available === false) return false
    if (!fitsCategory(known?.category, placement.categoryItemsMax, inCategory)) return false
    excluded.add(item)
    return true
  }
}

function fitsCategory(
  category: string | undefined,
  itemsMax: number | undefined,
  inCategory: Map<string, number>,
): boolean {
  if (itemsMax === undefined || category === undefined) return true
  const taken = inCategory.get(category) ?? 0
  if (taken >= itemsMax) return false
  inCategory.set(category, taken + 1)
  return true
}

function describe(item: ScoredItem, by: DecidedItem['by'], facts: ItemFacts | undefined) {
  return {
    id: item.id,
    score: item.score,
    by,
    ...(facts?.name === undefined ? {} : { name: facts.name }),
    ...(facts?.category === undefined ? {} : { category: facts.category }),
    ...(facts?.price === undefined ? {} : { price: facts.price }),
  }
}
