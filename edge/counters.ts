/** What is counted at a POP, and what for: the text of `/metrics`. Tenants are not told apart here on purpose. */
const counted = {
  shelfedge_events_accepted_total: 'Events accepted for the first time.',
  shelfedge_events_duplicate_total: 'Events recognised by their messageId and not taken again.',
  shelfedge_events_refused_total: 'Events refused, by reason.',
  shelfedge_requests_refused_total: 'Requests refused as a whole, by code.',
  shelfedge_decisions_total: 'Decisions, by fallback ("none": the model at its best).',
  shelfedge_releases_total: 'Releases received, by outcome.',
} as const
export type CounterName = keyof typeof counted

/** Counters of this isolate since it started. Labels come from code, never from a request, so they are few. */
export class Counters {
  readonly #values = new Map<string, number>()

  add(name: CounterName, amount = 1, label?: readonly [name: string, value: string]): void {
    if (amount === 0) return
    const key = label ? `${name}{${label[0]}="${label[1]}"}` : name
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount)
  }

  /** Prometheus text exposition format 0.0.4. */
  text(): string {
    return Object.entries(counted)
      .map(([name, help]) => {
        const values = [...this.#values].filter(([key]) => key.split('{')[0] === name)
        const lines = values.map(([key, value]) => `${key} ${value}`)
        return [`# HELP ${name} ${help}`, `# TYPE ${name} counter`, ...lines].join('\n')
      })
      .join('\n')
      .concat('\n')
  }
}
