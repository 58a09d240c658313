import * as v from 'valibot'
import { limits } from '#shared/limits.ts'
import type { Model } from '#shared/model.ts'
import { columnsOf, featuresSchema } from '#shared/tabular/feature.ts'
import { type ModelContract, sessionContract, tabularContract } from './model-contract.ts'

const whole = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max))

/** Items one model may know; what the catalogue of a release has room for. */
const vocabularyMax = 200_000

/** What somebody says of a model they push; docs/bring-your-own.md has it for people. */
export const declarationSchema = v.variant('family', [
  v.strictObject({
    family: v.literal('sequence'),
    /** Length of the input `session`. */
    itemsMax: whole(limits.sessionItemsMax),
    /** Length of the outputs `items` and `scores`. */
    candidates: whole(limits.decisionItemsMax),
    /** The items by the numbers in which the model knows them, from 0. */
    vocabulary: v.pipe(
      v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(limits.idCharactersMax))),
      v.minLength(1),
      v.maxLength(vocabularyMax, `at most ${vocabularyMax} items`),
      v.check((ids) => new Set(ids).size === ids.length, 'each item once'),
    ),
    /** Sessions up to here taught it: it is judged on later ones alone. */
    trainedUntil: v.optional(v.pipe(v.string(), v.isoTimestamp())),
  }),
  v.strictObject({
    family: v.literal('tabular'),
    features: featuresSchema,
    /** How many scores come out, and which of them is meant. */
    scores: v.optional(whole(1_000), 1),
    scoreAt: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  }),
])
export type Declaration = v.InferOutput<typeof declarationSchema>
export type SequenceDeclaration = Extract<Declaration, { family: 'sequence' }>

/** Clocks differ: what was taught until now may seem to be so much ahead. */
const clockSkewMsMax = 5 * 60_000

/**
 * Why a model cannot have learned until when it says, as a sentence; null where it can. With a time that has not come, no
 * session would be left to judge it by.
 */
export function notYetTaught(declared: Declaration, nowMs: number): string | null {
  if (declared.family !== 'sequence' || declared.trainedUntil === undefined) return null
  if (Date.parse(declared.trainedUntil) <= nowMs + clockSkewMsMax) return null
  return `trainedUntil: ${declared.trainedUntil} has not come yet; say when the last session was that taught the model`
}

/** What a declared model has to keep. */
export function contractOf(declared: Declaration): ModelContract {
  if (declared.family === 'tabular') {
    const featuresTotal = columnsOf(declared.features).length
    return tabularContract({ featuresTotal, scores: declared.scores })
  }
  const { itemsMax, candidates, vocabulary } = declared
  return sessionContract({ itemsTotal: vocabulary.length, itemsMax, candidates })
}

/**
 * The same as the registry keeps it for ever, refused or not: a vocabulary may have 16 MB, and how many items it has is
 * enough to know. That of an accepted model is the catalogue of its release.
 */
export function recordOf(declared: Declaration) {
  if (declared.family === 'tabular') return declared
  const { vocabulary, ...record } = declared
  return { ...record, itemsTotal: vocabulary.length }
}

/** The same as a release states it. */
export function modelOf(declared: Declaration): Model {
  if (declared.family === 'tabular') {
    const { features, scoreAt } = declared
    return { family: 'tabular', inputs: ['features'], outputs: ['score'], features, scoreAt }
  }
  const { family, itemsMax } = declared
  return { family, inputs: ['session'], outputs: ['items', 'scores'], itemsMax }
}
