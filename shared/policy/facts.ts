import type { ItemFacts } from '../policy.ts'
import { type TotalName, type Totals, totalNames } from '../totals.ts'

/**
 * What expressions read. They are classes because the CEL library converts anything else at every access; a
 * field that is not known is undefined, and reading it fails.
 */
export class RuleItem {
  readonly id: string
  readonly name: string | undefined
  readonly category: string | undefined
  readonly price: number | undefined
  readonly available: boolean | undefined
  /** Where the release's catalogue has it; -1 where it has not. */
  readonly number: number

  constructor(facts: ItemFacts, number: number) {
    this.id = facts.id
    this.name = facts.name
    this.category = facts.category
    this.price = facts.price
    this.available = facts.available
    this.number = number
  }
}

export class RuleSession {
  readonly events: bigint
  readonly views: bigint
  readonly carts: bigint
  readonly purchases: bigint
  readonly spend: number
  readonly lengthMs: bigint
  readonly items: readonly string[]
  /** The item looked at now; '' where there is none. */
  readonly current: string
  readonly bot: boolean

  constructor(session: SessionFacts | null) {
    this.events = BigInt(session?.events ?? 0)
    this.views = BigInt(session?.views ?? 0)
    this.carts = BigInt(session?.carts ?? 0)
    this.purchases = BigInt(session?.purchases ?? 0)
    this.spend = session?.spend ?? 0
    this.lengthMs = BigInt(session ? session.lastAt - session.startedAt : 0)
    this.items = session?.items ?? []
    this.current = this.items.at(-1) ?? ''
    this.bot = session?.bot ?? false
  }
}

/** What of a session the rules see. */
export interface SessionFacts {
  readonly events: number
  readonly views: number
  readonly carts: number
  readonly purchases: number
  readonly spend: number
  readonly startedAt: number
  readonly lastAt: number
  readonly items: readonly string[]
  readonly bot: boolean
}

/** `views1h`, `spend30d`: what a visitor did lately, over windows. */
export class RuleTotals {
  constructor(totals: Totals) {
    const fields = totalNames.map((name) => [
      name,
      isMoney(name) ? totals[name] : BigInt(totals[name]),
    ])
    Object.assign(this, Object.fromEntries(fields))
  }
}

const isMoney = (name: TotalName) => name.startsWith('spend')

/** The first and the last value of each field of `time`. */
export const timeRanges = { hour: [0, 23], minute: [0, 59], weekday: [1, 7] } as const

export class RuleTime {
  /** 0 to 23. */
  readonly hour: bigint
  /** 0 to 59. */
  readonly minute: bigint
  /** 1 is Monday, 7 is Sunday (ISO 8601). */
  readonly weekday: bigint

  constructor(hour: number, minute: number, weekday: number) {
    this.hour = BigInt(hour)
    this.minute = BigInt(minute)
    this.weekday = BigInt(weekday)
  }
}

/** Fields that a policy names itself: those of `context`, `event` and `variant`. */
export class RuleFields {
  constructor(fields: Readonly<Record<string, unknown>>) {
    Object.assign(this, fields)
  }
}
export class RuleVariants extends RuleFields {}
export class RuleEvent extends RuleFields {}

/** The types of the fields, as CEL has them. */
export const fieldTypes = {
  item: { id: 'string', name: 'string', category: 'string', price: 'double', available: 'bool' },
  session: {
    ...{ events: 'int', views: 'int', carts: 'int', purchases: 'int', spend: 'double' },
    ...{ lengthMs: 'int', items: 'list<string>', current: 'string', bot: 'bool' },
  },
  totals: Object.fromEntries(totalNames.map((name) => [name, isMoney(name) ? 'double' : 'int'])),
  time: { hour: 'int', minute: 'int', weekday: 'int' },
} as const
