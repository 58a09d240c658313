import * as v from 'valibot'
import { limits } from './limits.ts'
import { windowReading } from './stream/forecast.ts'
import { featuresSchema } from './tabular/feature.ts'
import { textReading } from './text/read-text.ts'

/** What answers where no model is named: the popularity list, which every release has. */
export const popularityModel = 'popularity'

/** How a placement, a file in a release and a person call a model. */
export const modelNameSchema = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9-]{0,63}$/, 'must be a letter of a-z, then up to 63 of a-z, 0-9 and -'),
)

/** A property of the events of a stream, a number. */
export const readingSchema = v.pipe(
  v.string(),
  v.regex(/^event\.[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be event, a dot and a name'),
)

const whole = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(max))

/**
 * A model that names items. Input `session`: int32 [itemsMax], the session's last distinct items by their
 * numbers in the catalogue, newest first, padded with -1. Outputs `items` (int32) and `scores` (float32) of one
 * length, best first; a score of 0 or below ends the list.
 */
const ofItems = {
  inputs: v.tuple([v.literal('session')]),
  outputs: v.pipe(
    v.array(v.picklist(['items', 'scores'])),
    v.check((names) => new Set(names).size === 2, 'items and scores'),
  ),
  itemsMax: whole(limits.sessionItemsMax),
}

export const modelSchema = v.variant('family', [
  /** Ours: its file holds an index that the TypeScript scorer reads too. */
  v.object({ family: v.literal('session-knn'), ...ofItems }),
  /** Any ONNX of these inputs and outputs. */
  v.object({ family: v.literal('sequence'), ...ofItems }),
  /**
   * Any ONNX that scores a row. Input `features`: float32 [1, columns], as `encodeFeatures` makes it of
   * `features`. Output `score`: float32 [1] or [1, k], of which element `scoreAt` is taken.
   */
  v.object({
    family: v.literal('tabular'),
    inputs: v.tuple([v.literal('features')]),
    outputs: v.tuple([v.literal('score')]),
    features: featuresSchema,
    /** Where the score is the number of a segment: their names by it, and a sentence of each for people. */
    segments: v.optional(v.array(v.object({ name: v.string(), says: v.string() }))),
    scoreAt: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000)), 0),
  }),
  /**
   * What is taken at which time, beside what a session model says (models/time-of-day). Inputs `slot`: int32 [1], the
   * hour of a weekday or of a weekend; `candidates` and `weights`: what `beside` names of the session, [candidatesMax].
   * Outputs as those of the others that name items.
   */
  v.object({
    family: v.literal('time-of-day'),
    inputs: v.tuple([v.literal('slot'), v.literal('candidates'), v.literal('weights')]),
    outputs: ofItems.outputs,
    /** `hour` and `weekday`, as a placement reads them. */
    features: v.pipe(
      featuresSchema,
      v.check(
        (features) => features.map(({ name }) => name).join() === 'hour,weekday',
        'hour and weekday',
      ),
    ),
    /** A model of the release that names items of a session. */
    beside: modelNameSchema,
    candidatesMax: whole(limits.decisionItemsMax),
    /** How many items of the catalogue it knows, from the first on. */
    itemsTotal: whole(1_000_000),
  }),
  /**
   * What a short text says (models/sentiment). Inputs `buckets`: int32 [bucketsMax], `words` and `signs`: int32 [wordsMax],
   * as `paddedText` makes them of the text that a placement names. Output `score`: float32 [1], -1 to 1.
   */
  v.object({
    family: v.literal('text'),
    inputs: v.tuple([v.literal('buckets'), v.literal('words'), v.literal('signs')]),
    outputs: v.tuple([v.literal('score')]),
    /** How a text becomes numbers: a POP that reads otherwise refuses the release. */
    reading: v.literal(textReading),
  }),
  /**
   * How unusual a reading is for its visitor, from the readings before it: no file, one function for every stream
   * (models/anomaly). Its state is in what the placement remembers of the visitor.
   */
  v.object({
    family: v.literal('stream'),
    from: readingSchema,
  }),
  /**
   * The same beside what the readings before it foretell. Input `window`: float32 [1, windowColumns], as `windowOf` makes
   * it of the stream. Output `foretold`: float32 [1], in deviations from what is usual.
   */
  v.object({
    family: v.literal('forecast'),
    inputs: v.tuple([v.literal('window')]),
    outputs: v.tuple([v.literal('foretold')]),
    from: readingSchema,
    /** How readings become a window: a POP that reads otherwise refuses the release. */
    reading: v.literal(windowReading),
  }),
])
export type Model = v.InferOutput<typeof modelSchema>
export type ItemModel = Extract<Model, { family: 'session-knn' | 'sequence' }>
/** Those that are a file of the release. */
export type FileModel = Exclude<Model, { family: 'stream' }>
export type ForecastDeclaration = Extract<Model, { family: 'forecast' }>
export type TimeOfDayModel = Extract<Model, { family: 'time-of-day' }>
export type TabularModel = Extract<Model, { family: 'tabular' }>
export type TextModel = Extract<Model, { family: 'text' }>

export const modelsSchema = v.pipe(
  v.record(
    v.pipe(
      modelNameSchema,
      v.check((name) => name !== popularityModel, 'popularity is the list that every release has'),
    ),
    modelSchema,
  ),
  v.check(
    (models) => Object.keys(models).length <= limits.releaseModelsMax,
    `at most ${limits.releaseModelsMax} models`,
  ),
)
