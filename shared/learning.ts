import * as v from 'valibot'
import { limits } from './limits.ts'
import { modelNameSchema, readingSchema } from './model.ts'
import { durationMs, fieldName, name, whole } from './policy/fields.ts'
import { type Feature, featuresSchema } from './tabular/feature.ts'

/** A calendar year and some: longer is not waited for. */
const days = whole(1, 400)
/** More are no longer told apart by whoever reads them. */
const segmentsTotal = whole(2, 12)
/** More are no longer told apart by how much they sell. */
const pricesMax = 500
/** A hundred times the base is a mistake, not a price. */
const share = (min: number) => v.pipe(v.number(), v.minValue(min), v.maxValue(100))
const propertyName = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.nameCharactersMax))

const after = v.pipe(v.array(name), v.minLength(1), v.maxLength(limits.placementEventsMax))

/** What every model that is learned from rows of features says. */
const ofRows = {
  /** A row is what a POP knows of the visitor right after one of these events. */
  after: v.pipe(
    after,
    v.description('Names of events; a row is what is known of a visitor right after one of them.'),
  ),
  features: featuresSchema,
}

/** What a model is to tell, and what from; the hub learns it from the store at every training. */
export const learningSchema = v.variant('learns', [
  v.strictObject({
    learns: v.pipe(
      v.literal('outcome'),
      v.description('Whether the visitor does something next, such as buying.'),
    ),
    ...ofRows,
    event: v.pipe(name, v.description('The event that happens or does not.')),
    withinMs: v.optional(
      v.pipe(durationMs, v.description('How soon; in the same session where it is left out.')),
    ),
  }),
  v.strictObject({
    learns: v.pipe(
      v.literal('absence'),
      v.description('Whether the visitor does not come back, which is called churn.'),
    ),
    ...ofRows,
    event: v.optional(
      v.pipe(name, v.description('The event that says they are back; any where it is left out.')),
    ),
    days: v.pipe(days, v.description('For how many days they stay away.')),
  }),
  v.strictObject({
    learns: v.pipe(
      v.literal('label'),
      v.description('What another event says of it later, such as that a payment was fraud.'),
    ),
    ...ofRows,
    joinedBy: v.pipe(
      propertyName,
      v.description('A property that both events have, such as payment_id.'),
    ),
    said: v.strictObject({
      event: v.pipe(name, v.description('The event that says it.')),
      property: v.pipe(propertyName, v.description('Which of its properties.')),
      is: v.optional(v.union([v.string(), v.number(), v.boolean()]), true),
    }),
    waitDays: v.optional(
      v.pipe(
        days,
        v.description('After so many days of silence it is not so; else silence teaches nothing.'),
      ),
    ),
  }),
  v.strictObject({
    learns: v.pipe(
      v.literal('trait'),
      v.description(
        'Whether a trait of the visitor comes to be so, as identify or group tells it.',
      ),
    ),
    ...ofRows,
    trait: v.pipe(propertyName, v.description('Which of the traits, such as plan.')),
    is: v.optional(
      v.pipe(
        v.union([v.string(), v.number(), v.boolean()]),
        v.description('What it comes to be; true where it is left out.'),
      ),
      true,
    ),
    withinDays: v.pipe(
      days,
      v.description('In how many days; who is so already is not learned from.'),
    ),
  }),
  v.strictObject({
    learns: v.pipe(
      v.literal('segments'),
      v.description('Groups of visitors that are alike; the score is the number of the group.'),
    ),
    ...ofRows,
    features: v.pipe(
      featuresSchema,
      v.check(
        (features) => features.every(({ type }) => type === 'number'),
        'segments are learned from numbers',
      ),
    ),
    segmentsMin: v.optional(v.pipe(segmentsTotal, v.description('At least so many groups; 3.')), 3),
    segmentsMax: v.optional(v.pipe(segmentsTotal, v.description('At most so many; 8.')), 8),
  }),
  v.strictObject({
    learns: v.pipe(
      v.literal('stream'),
      v.description('What comes next in a stream of readings; a score says how unusual one is.'),
    ),
    after: v.pipe(after, v.description('Names of the events that bring the readings.')),
    from: v.pipe(readingSchema, v.description('Their property, a number, such as event.value.')),
  }),
  v.strictObject({
    learns: v.pipe(
      v.literal('demand'),
      v.description(
        'Which price brings most, in shares of the base; learned from prices that were shown by chance.',
      ),
    ),
    placement: v.pipe(
      name,
      v.description('The price whose decisions teach it; it names this model.'),
    ),
    features: featuresSchema,
    byChance: v.pipe(
      v.strictObject({
        experiment: fieldName,
        variants: v.pipe(
          v.array(fieldName),
          v.minLength(2),
          v.check((all) => new Set(all).size === all.length, 'must have each variant once'),
        ),
      }),
      v.description('Variants of an experiment whose visitors are shown a price by chance.'),
    ),
    bought: v.pipe(
      v.strictObject({
        event: v.pipe(name, v.description('The event that says it was bought.')),
        subject: v.optional(
          v.pipe(propertyName, v.description('Its property that says of what the price was.')),
        ),
        decision: v.optional(
          v.pipe(propertyName, v.description('Its property with the id of the decision.')),
        ),
      }),
      v.check(
        ({ subject, decision }) => subject === undefined || decision === undefined,
        'must name a subject or a decision, not both',
      ),
      v.description('What joins a purchase to its price; the items of the event by default.'),
    ),
    withinMs: v.pipe(
      durationMs,
      v.description('For how long a price may be bought at; after it, it was not.'),
    ),
    prices: v.pipe(
      v.strictObject({ from: share(0.01), to: share(0.01), step: share(0.001) }),
      v.check(({ from, to }) => from < to, 'from must be below to'),
      v.check(
        ({ from, to, step }) => (to - from) / step < pricesMax,
        `must be at most ${pricesMax} prices`,
      ),
      v.description('Prices to choose from, in shares of the base.'),
    ),
  }),
])
/** One model that the hub learns. */
export type Learning = v.InferOutput<typeof learningSchema>
export type StreamLearning = Extract<Learning, { learns: 'stream' }>
export type DemandLearning = Extract<Learning, { learns: 'demand' }>
/** One that is learned from what a POP knew after events. */
export type RowLearning = Exclude<Learning, StreamLearning | DemandLearning>

/** Features that a POP reads before there is a model too: the next one learns from what it stored of them. */
export function featuresStored(models: Readonly<Record<string, Learning>> = {}): Feature[] {
  return Object.values(models).flatMap((learning) =>
    learning.learns === 'demand' ? learning.features : [],
  )
}

/** By the names under which placements call them. */
export const learningsSchema = v.pipe(
  v.record(modelNameSchema, learningSchema),
  v.check(
    (models) => Object.keys(models).length <= limits.releaseModelsMax,
    `at most ${limits.releaseModelsMax} models`,
  ),
)
