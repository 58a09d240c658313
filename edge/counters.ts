import { fallbacks } from '#shared/contract.ts'
import { kindNames } from '#shared/kinds/table.ts'
import { reservationOutcomes } from '#shared/offers/reservation.ts'
import { ruleEffects } from '#shared/policy.ts'
import { warningCodes } from './warnings/warnings.ts'

interface Counted {
  readonly help: string
  /** Series that are 0 from the start, so that a first time is an increase to whoever looks; '' has no label. */
  readonly zeros: readonly string[]
}

const zerosOf = (label: string, values: readonly string[]) =>
  values.map((value) => `{${label}="${value}"}`)

/** What is counted at a POP, and what for: the text of `/metrics`. Tenants are not told apart here on purpose. */
const counted = {
  shelfedge_events_accepted_total: { help: 'Events accepted for the first time.', zeros: [''] },
  shelfedge_events_duplicate_total: {
    help: 'Events recognised by their messageId and not taken again.',
    zeros: [''],
  },
  shelfedge_events_refused_total: { help: 'Events refused, by reason.', zeros: [] },
  shelfedge_warnings_total: {
    help: 'Warnings in answers, by code: what was taken though a part of it means nothing.',
    zeros: zerosOf('code', warningCodes),
  },
  shelfedge_requests_refused_total: {
    help: 'Requests refused as a whole, by code.',
    zeros: zerosOf('code', ['overloaded']),
  },
  shelfedge_decisions_total: {
    help: 'Decisions, by fallback ("none": the model at its best).',
    zeros: zerosOf('fallback', ['none', ...fallbacks]),
  },
  shelfedge_rule_failures_total: {
    help: 'Evaluations of rules that failed (a missing field, a division by zero), by effect; of other kinds than items by kind.',
    zeros: zerosOf('effect', [...ruleEffects, ...kindNames.filter((kind) => kind !== 'items')]),
  },
  shelfedge_offer_reservations_total: {
    help: 'Offers with a budget that decisions asked for, by outcome.',
    zeros: zerosOf('outcome', reservationOutcomes),
  },
  shelfedge_profiles_total: {
    help: 'Profiles of visitors whose session began, by outcome; failed counts questions to the hub.',
    zeros: zerosOf('outcome', ['told', 'untold', 'failed', 'refused', 'too_late', 'no_room']),
  },
  shelfedge_releases_total: {
    help: 'Releases received, by outcome.',
    zeros: zerosOf('outcome', ['live', 'canary', 'standby', 'refused']),
  },
  shelfedge_canaries_ended_total: {
    help: 'Canaries that were outside their limits and ended here.',
    zeros: [''],
  },
  shelfedge_forwards_total: {
    help: 'Deliveries to the hub, by outcome; what failed is sent again.',
    zeros: zerosOf('outcome', ['acknowledged', 'failed', 'refused']),
  },
  shelfedge_triggers_left_out_total: {
    help: 'Decisions not made, since a request set off more than it may.',
    zeros: [''],
  },
  shelfedge_due_decisions_total: {
    help: 'Alerts that were due by the clock, by outcome; what failed is tried again.',
    zeros: zerosOf('outcome', ['told', 'nothing', 'failed']),
  },
  shelfedge_streams_opened_total: { help: 'Streams of decisions opened.', zeros: [''] },
  shelfedge_batches_set_aside_total: {
    help: 'Batches set aside because the hub refused what they hold; they are sent again every hour.',
    zeros: [''],
  },
  shelfedge_scrape_failures_total: {
    help: 'Outboxes that could not be measured for a scrape.',
    zeros: zerosOf('of', ['outbox']),
  },
} as const satisfies Record<string, Counted>
export type CounterName = keyof typeof counted

/** Counters of this isolate since it started. Labels come from code, never from a request, so they are few. */
export class Counters {
  readonly #values = new Map<string, number>()

  constructor() {
    for (const [name, { zeros }] of Object.entries<Counted>(counted)) {
      for (const zero of zeros) this.#values.set(name + zero, 0)
    }
  }

  add(name: CounterName, amount = 1, label?: readonly [name: string, value: string]): void {
    if (amount === 0) return
    const key = label ? `${name}{${label[0]}="${label[1]}"}` : name
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount)
  }

  /** Prometheus text exposition format 0.0.4. */
  text(): string {
    return Object.entries<Counted>(counted)
      .map(([name, { help }]) => {
        const values = [...this.#values].filter(([key]) => key.split('{')[0] === name)
        return family(name, 'counter', help, values)
      })
      .join('')
  }
}

/** One metric in the text format: what it is, and its series with their labels in their names. */
export function family(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  series: readonly (readonly [series: string, value: number])[],
): string {
  const lines = series.map(([each, value]) => `${each} ${value}`)
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
}
