import * as v from 'valibot'
import { limits } from './limits.ts'

/** One thing that the store knows of a visitor from before a session. */
interface ProfileField {
  readonly type: 'number' | 'text'
  readonly what: string
  /**
   * How ClickHouse computes it, over the rows of `hub/profiles/profile-sql.ts`: the visitor's `event`, `at`, `session`,
   * `category` and `spend_units` (thousandths) before `as_of`.
   */
  readonly sql: string
  /** Of somebody whom the store has not seen: known to be nothing, or not known. */
  readonly ofNewcomer: 0 | null
}

const daysSince = (moment: string) =>
  `(toUnixTimestamp64Milli(as_of) - toUnixTimestamp64Milli(${moment})) / 86400000`
const isOrder = "event = 'Order Completed'"
/** Categories of the newest acts that have one: as many as these, however much a visitor did. */
const tastes = `arrayMap(met -> met.2, groupArraySortedIf(${limits.profileTastesMax})(
  (-toUnixTimestamp64Milli(at), category), category != ''))`
/** How often each of them was met, the favourite first. */
const favourites = `arraySort(met -> (-met.1, met.2),
  arrayMap(met -> (countEqual(${tastes}, met), met), arrayDistinct(${tastes})))`

/**
 * The long-term features of a visitor, each in one place: add an entry, and the hub computes it, a POP asks for it, and a
 * model may read it as `profile.<name>`, in training and in serving.
 */
export const profileFields = {
  visits: {
    ...{ type: 'number', what: 'sessions ever', ofNewcomer: 0 },
    sql: 'uniqExact(session)',
  },
  views: {
    ...{ type: 'number', what: 'products viewed ever', ofNewcomer: 0 },
    sql: "countIf(event = 'Product Viewed')",
  },
  orders: {
    ...{ type: 'number', what: 'orders ever', ofNewcomer: 0 },
    sql: `countIf(${isOrder})`,
  },
  spend: {
    ...{ type: 'number', what: 'what was spent ever', ofNewcomer: 0 },
    sql: 'sum(spend_units) / 1000',
  },
  spend90d: {
    ...{ type: 'number', what: 'what was spent in the 90 days before the session', ofNewcomer: 0 },
    sql: 'sumIf(spend_units, at >= as_of - INTERVAL 90 DAY) / 1000',
  },
  averageOrderValue: {
    ...{ type: 'number', what: 'what an order was worth on average', ofNewcomer: null },
    sql: `if(countIf(${isOrder}) = 0, NULL, sum(spend_units) / 1000 / countIf(${isOrder}))`,
  },
  daysSinceLastOrder: {
    ...{ type: 'number', what: 'days since the last order', ofNewcomer: null },
    sql: `if(countIf(${isOrder}) = 0, NULL, ${daysSince(`maxIf(at, ${isOrder})`)})`,
  },
  daysSinceLastVisit: {
    ...{ type: 'number', what: 'days since anything was done', ofNewcomer: null },
    sql: daysSince('max(at)'),
  },
  tenureDays: {
    ...{ type: 'number', what: 'days since the first event', ofNewcomer: null },
    sql: daysSince('min(at)'),
  },
  favouriteCategory: {
    ...{
      type: 'text',
      what: `the category met most often in the newest ${limits.profileTastesMax} acts that have one; of equals the first by name`,
    },
    ...{ ofNewcomer: null },
    sql: `nullIf(tupleElement(${favourites}[1], 2), '')`,
  },
  favouriteCategoryShare: {
    ...{ type: 'number', what: 'its share of these, 0 to 1', ofNewcomer: null },
    sql: `if(empty(${tastes}), NULL, tupleElement(${favourites}[1], 1) / length(${tastes}))`,
  },
} as const satisfies Record<string, ProfileField>
export type ProfileName = keyof typeof profileFields
export const profileNames = Object.keys(profileFields) as ProfileName[]

const value = v.nullable(
  v.union([
    v.pipe(v.number(), v.finite()),
    v.pipe(v.string(), v.maxLength(limits.nameCharactersMax)),
  ]),
)

/** What is known of a visitor by name; null or absent is not known. A name of a newer hub is left out. */
export const profileValuesSchema = v.object(
  Object.fromEntries(profileNames.map((name) => [name, v.optional(value)])),
)
export type ProfileValues = Readonly<Partial<Record<ProfileName, number | string | null>>>

/** What the store knew of a visitor before a moment (epoch ms). */
export interface Profile {
  readonly asOf: number
  readonly values: ProfileValues
}

/** A profile that is too old says nothing. */
export function freshProfile(profile: Profile | null, at: number): Profile | null {
  return profile !== null && at - profile.asOf <= limits.profileAgeMsMax ? profile : null
}

export const newcomer: ProfileValues = Object.fromEntries(
  profileNames.map((name) => [name, profileFields[name].ofNewcomer]),
)
