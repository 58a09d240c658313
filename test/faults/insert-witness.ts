import type { Insert } from '../support/clickhouse-bridge.ts'

/** Sees what hubs insert into a store before it does: rows that are inserted again are folded soon, and then nobody can tell. */
export class InsertWitness {
  readonly #idsByToken = new Map<string, readonly string[]>()
  #contradiction: string | null = null

  /** Takes note of an insert of events; the same token is the same insert again. */
  see({ table, token, body }: Insert): void {
    if (table !== 'events') return
    const ids = body
      .split('\n')
      .filter(Boolean)
      .map((line): string => JSON.parse(line).message_id)
    const known = this.#idsByToken.get(token)
    if (known && known.join() !== ids.join())
      this.#contradiction ??= `the token ${token} was used for other rows: those are not in the store`
    else this.#idsByToken.set(token, ids)
  }

  /** Throws a sentence unless each copy of an event in the log was inserted once, under one token. */
  expectOnceEach(copies: ReadonlyMap<string, number>): void {
    if (this.#contradiction) throw new Error(this.#contradiction)
    const inserted = new Map<string, number>()
    for (const id of [...this.#idsByToken.values()].flat())
      inserted.set(id, (inserted.get(id) ?? 0) + 1)
    const unseen = [...copies.keys()].filter((id) => !inserted.has(id))
    if (unseen.length > 0) throw new Error(`nobody was seen to insert ${unseen.length} events`)
    const again = [...inserted].filter(([id, times]) => times > (copies.get(id) ?? 0))
    if (again.length === 0) return
    const tokens = [...this.#idsByToken].filter(([, ids]) => ids.includes(again[0]?.[0] ?? ''))
    const names = tokens.map(([token]) => token).join(' and ')
    throw new Error(`${again.length} events were inserted a second time, one of them by ${names}`)
  }
}
