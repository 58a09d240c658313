import * as v from 'valibot'
import type { DecisionRecord } from './contract.ts'
import type { DecidedItem } from './decide.ts'

/** Who names an item: the model, the popularity list that fills what it left open, or a pin. */
const namers = ['model', 'popularity', 'pin'] as const
export type Namer = (typeof namers)[number]

const ofCatalogue = <Value>(value: v.GenericSchema<unknown, Value>) => v.array(v.nullable(value))

/**
 * What is said of the items beside their ids and scores, each a list in their order. It travels with the decision, so that
 * all who are told of it hear it; lists take fewer bytes than an object an item.
 */
export const itemDetailsSchema = v.object({
  by: v.array(v.picklist(namers)),
  // What the catalogue of the release said; null where it said nothing.
  names: ofCatalogue(v.string()),
  categories: ofCatalogue(v.string()),
  prices: ofCatalogue(v.number()),
})
export type ItemDetails = v.InferOutput<typeof itemDetailsSchema>

export function detailsOf(items: readonly DecidedItem[]): ItemDetails {
  return {
    by: items.map(({ by }) => by),
    names: items.map(({ name }) => name ?? null),
    categories: items.map(({ category }) => category ?? null),
    prices: items.map(({ price }) => price ?? null),
  }
}

/** What is said of a decision: by its answer, on its visitor's streams, to its site's webhooks. */
export interface ToldDecision {
  readonly decisionId: string
  /** Epoch ms, by the POP's clock. */
  readonly at: number
  readonly placement: string
  /** Of answer: which kinds there are, and what each answers, is in shared/kinds/. */
  readonly kind: string
  readonly answer: Readonly<Record<string, unknown>>
  /** Of a decision of a POP of before 2026-11-26 their ids and scores alone. */
  readonly items: readonly ToldItem[]
  readonly release: string | null
  readonly model: string
  readonly fallback: string | null
  /** Of the event that set it off; absent where it was asked for. */
  readonly messageId?: string
}

type ToldItem = Pick<DecidedItem, 'id' | 'score'> & Partial<DecidedItem>

/** What of a record is told: all but what it was made from, since it goes to a browser. */
export type Tellable = Pick<
  DecisionRecord,
  | ('decisionId' | 'at' | 'placement' | 'answerKind' | 'answer' | 'items' | 'scores')
  | ('itemDetails' | 'release' | 'model' | 'fallback' | 'messageId')
>

/** Made here alone, so that whoever asks and whoever is told hear the same. */
export function toldOf(record: Tellable): ToldDecision {
  const { decisionId, at, placement, answerKind: kind, answer, messageId } = record
  const { release, model, fallback } = record
  const items = record.items.map((_, number) => itemOf(record, number))
  return {
    ...{ decisionId, at, placement, kind, answer, items, release, model, fallback },
    ...(messageId && { messageId }),
  }
}

function itemOf({ items, scores, itemDetails }: Tellable, number: number): ToldItem {
  const { by: namers, names, categories, prices } = itemDetails ?? {}
  const [by, name] = [namers?.[number], names?.[number]]
  const [category, price] = [categories?.[number], prices?.[number]]
  return {
    ...{ id: items[number] as string, score: scores[number] as number },
    ...(by && { by }),
    ...(name != null && { name }),
    ...(category != null && { category }),
    ...(price != null && { price }),
  }
}
