import type { DecidedItem } from './decide.ts'
import { fractionOf } from './fraction.ts'

/** How much of its decisions a placement leaves to chance: `share` of them, among the best `among` items. */
export interface Exploring {
  readonly share: number
  readonly among: number
}

/** What chance did with the first place; stored, since without it nobody can tell what another choice had brought. */
export interface Explored {
  /** Whether chance chose at all, though it may have chosen what was first anyway. */
  readonly explored: boolean
  /** How likely the item at the first place was to be there, above 0. */
  readonly propensity: number
}

/** The chance of a decision, 0 to 1: it follows from its id, so that whoever decides it again has the same. */
export function drawOf(decisionId: string): number {
  return fractionOf(`explore\n${decisionId}`)
}

/**
 * Leaves the first place to chance in a share of the decisions (epsilon-greedy): one of the best `among` items, each as
 * likely as the others, changes places with the first. What a pin or a slot has put stays where it is.
 *
 * @param draw 0 to 1.
 */
export function explore(
  items: readonly DecidedItem[],
  isFixed: (item: DecidedItem) => boolean,
  { share, among }: Exploring,
  draw: number,
): { readonly items: readonly DecidedItem[] } & Explored {
  const [first] = items
  const choices = [...items.slice(0, among).keys()].filter(
    (at) => !isFixed(items[at] as DecidedItem),
  )
  if (first === undefined || isFixed(first) || choices.length < 2) {
    return { items, explored: false, propensity: 1 }
  }
  const explored = draw < share
  const place = explored ? (choices[Math.floor((draw / share) * choices.length)] ?? 0) : 0
  const byChance = share / choices.length
  return {
    items: items.with(0, items[place] as DecidedItem).with(place, first),
    explored,
    propensity: place === 0 ? 1 - share + byChance : byChance,
  }
}
