import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { WebhookMessage } from './message.ts'

/** A message for an endpoint; `number` is its place in the queue. */
export interface Delivery extends WebhookMessage {
  readonly number: number
  readonly endpoint: string
  readonly attempts: number
}

/** A message that was given up, with the reason of its last attempt. */
export interface DeadDelivery extends Delivery {
  readonly reason: string
  readonly diedAtMs: number
}

export interface QueueDepth {
  readonly endpoint: string
  readonly waiting: number
  readonly dead: number
}

/** What an endpoint may have waiting and dead; the store has every decision, so what is past it can be queued again. */
export const queueBounds = { waitingMax: 100_000, deadMax: 10_000 } as const

// `due_at` is set for the first of a visitor alone: the next one becomes due when it has left. That keeps a visitor's
// order, and makes finding the due ones one look into an index.
const schema = `
create table if not exists deliveries (
  number integer primary key autoincrement, endpoint text not null, id text not null, site text not null,
  visitor text not null, body text not null, attempts integer not null default 0, due_at integer,
  reason text, died_at integer) strict;
create unique index if not exists deliveries_id on deliveries (endpoint, id);
create index if not exists deliveries_due on deliveries (endpoint, due_at) where due_at is not null;
create index if not exists deliveries_waiting on deliveries (endpoint, site, visitor, number) where died_at is null;
create index if not exists deliveries_dead on deliveries (endpoint, died_at) where died_at is not null;
create index if not exists deliveries_visitor on deliveries (site, visitor);`

const read = 'number, endpoint, id, site, visitor, body, attempts'
const statements = {
  count: `select count(*) filter (where died_at is null) as waiting, count(died_at) as dead
          from deliveries where endpoint = ?`,
  add: `insert into deliveries (endpoint, id, site, visitor, body, due_at) values (?1, ?2, ?3, ?4, ?5,
          case when exists (select 1 from deliveries where endpoint = ?1 and site = ?3 and visitor = ?4
            and died_at is null) then null else ?6 end) on conflict (endpoint, id) do nothing`,
  due: `select ${read} from deliveries where endpoint = ? and due_at <= ? order by due_at, number limit ?`,
  nextDueAt: 'select min(due_at) as at from deliveries where due_at is not null',
  remove: 'delete from deliveries where number = ?',
  retry: 'update deliveries set attempts = attempts + 1, due_at = ?, reason = ? where number = ?',
  die: `update deliveries set attempts = attempts + 1, due_at = null, reason = ?, died_at = ? where number = ?`,
  forgetDead: `delete from deliveries where number in (select number from deliveries
                 where endpoint = ? and died_at is not null order by died_at desc limit -1 offset ?)`,
  promote: `update deliveries set due_at = ?4 where number = (select min(number) from deliveries
              where endpoint = ?1 and site = ?2 and visitor = ?3 and died_at is null) and due_at is null`,
  demote: `update deliveries set due_at = null where endpoint = ?1 and site = ?2 and visitor = ?3
             and died_at is null and number > ?4`,
  dead: `select ${read}, reason, died_at as diedAtMs from deliveries
         where endpoint = ? and died_at is not null order by number limit ?`,
  revive:
    'update deliveries set died_at = null, attempts = 0, due_at = null where number = ? and died_at is not null',
  discard: 'delete from deliveries where number = ? and died_at is not null',
  find: `select ${read} from deliveries where number = ?`,
  erase: 'delete from deliveries where site = ? and visitor = ?',
} as const
type StatementName = keyof typeof statements

/** Messages that wait for endpoints, durable to the disk; one process has it open. */
export class WebhookQueue {
  readonly #database: DatabaseSync
  readonly #statements: Record<StatementName, StatementSync>

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true })
    this.#database = new DatabaseSync(join(directory, 'webhooks.sqlite'), { timeout: 0 })
    this.#database.exec(
      'pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full',
    )
    this.#database.exec(schema)
    const names = Object.keys(statements) as StatementName[]
    this.#statements = Object.fromEntries(
      names.map((name) => [name, this.#database.prepare(statements[name])]),
    ) as Record<StatementName, StatementSync>
  }

  /** Adds messages in one transaction, each once; answers how many had no room. */
  add(endpoint: string, messages: readonly WebhookMessage[], nowMs: number): number {
    let room = queueBounds.waitingMax - this.depth(endpoint).waiting
    let left = 0
    this.#transaction(() => {
      for (const { id, site, visitor, body } of messages) {
        if (room <= 0) left++
        else if (this.#statements.add.run(endpoint, id, site, visitor, body, nowMs).changes) room--
      }
    })
    return left
  }

  /** What may be sent now: of each visitor the oldest alone. */
  due(endpoint: string, nowMs: number, count: number): Delivery[] {
    return this.#statements.due.all(endpoint, nowMs, count) as unknown as Delivery[]
  }

  /** When the next one is due, epoch ms; null where none waits. */
  nextDueAtMs(): number | null {
    return (this.#statements.nextDueAt.get() as { at: number | null }).at
  }

  /** It arrived: the visitor's next one is due. */
  delivered(delivery: Delivery, nowMs: number): void {
    this.#transaction(() => {
      this.#statements.remove.run(delivery.number)
      this.#promote(delivery, nowMs)
    })
  }

  retryAt(delivery: Delivery, dueAtMs: number, reason: string): void {
    this.#statements.retry.run(dueAtMs, reason, delivery.number)
  }

  /** It is given up; the visitor's next one is due. */
  die(delivery: Delivery, nowMs: number, reason: string): void {
    this.#transaction(() => {
      this.#statements.die.run(reason, nowMs, delivery.number)
      this.#statements.forgetDead.run(delivery.endpoint, queueBounds.deadMax)
      this.#promote(delivery, nowMs)
    })
  }

  dead(endpoint: string, count: number): DeadDelivery[] {
    return this.#statements.dead.all(endpoint, count) as unknown as DeadDelivery[]
  }

  /** Puts a dead one back where it was in its visitor's order; false where it is not dead. */
  revive(number: number, nowMs: number): boolean {
    return this.#transaction(() => {
      if (this.#statements.revive.run(number).changes === 0) return false
      const delivery = this.#statements.find.get(number) as unknown as Delivery
      this.#promote(delivery, nowMs)
      this.#statements.demote.run(delivery.endpoint, delivery.site, delivery.visitor, number)
      return true
    })
  }

  discard(number: number): boolean {
    return this.#statements.discard.run(number).changes > 0
  }

  depth(endpoint: string): QueueDepth {
    const counted = this.#statements.count.get(endpoint) as { waiting: number; dead: number }
    return { endpoint, ...counted }
  }

  /** Forgets what waits or died of a visitor; answers how many. */
  erase(site: string, visitor: string): number {
    return Number(this.#statements.erase.run(site, visitor).changes)
  }

  close(): void {
    this.#database.close()
  }

  #promote({ endpoint, site, visitor }: Delivery, nowMs: number): void {
    this.#statements.promote.run(endpoint, site, visitor, nowMs)
  }

  #transaction<Result>(run: () => Result): Result {
    this.#database.exec('begin immediate')
    try {
      const result = run()
      this.#database.exec('commit')
      return result
    } catch (cause) {
      this.#database.exec('rollback')
      throw cause
    }
  }
}
