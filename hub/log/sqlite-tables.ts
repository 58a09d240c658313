/** The tables of the embedded log, and the only file of it that speaks SQL. */

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { LogMessage, StoredMessage } from './log.ts'

/** A topic as it is held in memory: the next offset of every partition. */
export interface Topic {
  readonly id: number
  readonly name: string
  readonly nextOffsets: number[]
}

/** Where a group stands in a partition; `plannedLast` is the end of a chunk that was handed out, or null. */
export interface GroupPosition {
  readonly committed: number
  readonly plannedLast: number | null
}

// STRICT, so that a wrong type is an error here and not a surprise in a reader. `next_offset` outlives the
// messages, because offsets are never given out twice, even after all of them were deleted.
const schema = `
create table if not exists topics (id integer primary key, name text not null unique) strict;
create table if not exists partitions (
  topic integer not null, partition integer not null, next_offset integer not null,
  primary key (topic, partition)) strict, without rowid;
create table if not exists messages (
  topic integer not null, partition integer not null, "offset" integer not null,
  appended_at_ms integer not null, key text not null, identity text not null, value text not null,
  primary key (topic, partition, "offset")) strict;
create unique index if not exists messages_identity on messages (topic, identity);
create table if not exists positions (
  topic integer not null, partition integer not null, "group" text not null,
  committed integer not null, planned_last integer,
  primary key (topic, partition, "group")) strict, without rowid;`

const statements = {
  insert:
    'insert into messages values (?, ?, ?, ?, ?, ?, ?) on conflict (topic, identity) do nothing',
  saveNext: 'update partitions set next_offset = ? where topic = ? and partition = ?',
  read: `select "offset", appended_at_ms, key, identity, value from messages
         where topic = ? and partition = ? and "offset" between ? and ? order by "offset" limit ?`,
  oldest: `select "offset", appended_at_ms from messages
           where topic = ? and partition = ? and "offset" >= ? order by "offset" limit 1`,
  position: `select committed, planned_last from positions where topic = ? and partition = ? and "group" = ?`,
  plan: `update positions set planned_last = ? where topic = ? and partition = ? and "group" = ?`,
  commit: `update positions set committed = ?, planned_last = null where topic = ? and partition = ? and "group" = ?`,
  // The rows every group has consumed, up to the first that is too young; none while a topic has no group.
  trim: `delete from messages where rowid in (
           select rowid from messages where topic = ?1 and partition = ?2
             and "offset" < (select coalesce(min(committed), 0) from positions where topic = ?1 and partition = ?2)
             and appended_at_ms < ?3 order by "offset" limit ?4)`,
} as const

type StatementName = keyof typeof statements

export class SqliteTables {
  readonly #database: DatabaseSync
  readonly #statements: Record<StatementName, StatementSync>
  readonly #topics = new Map<string, Topic>()
  readonly #partitionsPerTopic: number

  constructor(path: string, partitionsPerTopic: number) {
    this.#partitionsPerTopic = partitionsPerTopic
    this.#database = new DatabaseSync(path, { timeout: 0 })
    // Exclusive: offsets are counted in memory, so a second process on the same file must be refused.
    this.#database.exec(
      'pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = full',
    )
    this.#database.exec(schema)
    const prepare = (name: StatementName) => [name, this.#database.prepare(statements[name])]
    this.#statements = Object.fromEntries((Object.keys(statements) as StatementName[]).map(prepare))
    for (const row of this.#database.prepare('select id, name from topics').all())
      this.#load(Number(row.id), String(row.name))
  }

  /** All or nothing, and on disk when it returns. */
  transaction<T>(run: () => T): T {
    this.#database.exec('begin immediate')
    try {
      const result = run()
      this.#database.exec('commit')
      return result
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('rollback')
      this.#reload()
      throw error
    }
  }

  topic(name: string): Topic {
    return this.#topics.get(name) ?? this.transaction(() => this.#create(name))
  }

  topics(): Iterable<Topic> {
    return this.#topics.values()
  }

  /** Inside a transaction: true when appended, false when the identity is there already. */
  insert(topic: Topic, partition: number, message: LogMessage, appendedAtMs: number): boolean {
    const offset = topic.nextOffsets[partition] ?? 0
    const { key, identity, value } = message
    const { changes } = this.#statements.insert.run(
      topic.id,
      partition,
      offset,
      appendedAtMs,
      key,
      identity,
      value,
    )
    if (changes === 0) return false
    topic.nextOffsets[partition] = offset + 1
    return true
  }

  /** Inside the transaction of the inserts: keeps the next offset of a partition. */
  saveNextOffset(topic: Topic, partition: number): void {
    this.#statements.saveNext.run(topic.nextOffsets[partition] ?? 0, topic.id, partition)
  }

  /** Messages from one offset to another, both included; read lazily, so that a caller can stop early. */
  *read(
    topic: Topic,
    partition: number,
    first: number,
    last: number,
    max: number,
  ): Generator<StoredMessage> {
    for (const row of this.#statements.read.iterate(topic.id, partition, first, last, max))
      yield {
        key: String(row.key),
        identity: String(row.identity),
        value: String(row.value),
        offset: BigInt(Number(row.offset)),
        appendedAtMs: Number(row.appended_at_ms),
      }
  }

  /** The first message at or after an offset. */
  oldest(
    topic: Topic,
    partition: number,
    from: number,
  ): { offset: number; appendedAtMs: number } | null {
    const row = this.#statements.oldest.get(topic.id, partition, from)
    return row ? { offset: Number(row.offset), appendedAtMs: Number(row.appended_at_ms) } : null
  }

  position(topic: Topic, partition: number, group: string): GroupPosition | null {
    const row = this.#statements.position.get(topic.id, partition, group)
    if (!row) return null
    const planned = row.planned_last
    return {
      committed: Number(row.committed),
      plannedLast: planned === null ? null : Number(planned),
    }
  }

  /** Makes the group known in every partition, at the oldest message there is. */
  register(topic: Topic, group: string): void {
    const insert = this.#database.prepare(
      'insert or ignore into positions values (?, ?, ?, ?, null)',
    )
    this.transaction(() => {
      for (const [partition, next] of topic.nextOffsets.entries())
        insert.run(topic.id, partition, group, this.oldest(topic, partition, 0)?.offset ?? next)
    })
  }

  plan(topic: Topic, partition: number, group: string, last: number): void {
    this.#statements.plan.run(last, topic.id, partition, group)
  }

  commit(topic: Topic, partition: number, group: string, committed: number): void {
    this.#statements.commit.run(committed, topic.id, partition, group)
  }

  /** Deletes at most `max` consumed messages of a partition appended before a time, and says how many. */
  trim(topic: Topic, partition: number, beforeMs: number, max: number): number {
    return Number(this.#statements.trim.run(topic.id, partition, beforeMs, max).changes)
  }

  /** Bytes in use by live rows: deleted pages are used again and do not count. */
  sizeBytes(): number {
    const pragma = (name: string) =>
      Number(Object.values(this.#database.prepare(`pragma ${name}`).get() ?? {})[0] ?? 0)
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
  }

  close(): void {
    this.#database.close()
  }

  #create(name: string): Topic {
    const { lastInsertRowid } = this.#database
      .prepare('insert into topics (name) values (?)')
      .run(name)
    const insert = this.#database.prepare('insert into partitions values (?, ?, 0)')
    for (let partition = 0; partition < this.#partitionsPerTopic; partition++)
      insert.run(lastInsertRowid, partition)
    return this.#load(Number(lastInsertRowid), name)
  }

  // The number of partitions is read back, never taken from the options: another number would send a visitor
  // to another partition and lose the order of its events.
  #load(id: number, name: string): Topic {
    const rows = this.#database
      .prepare('select next_offset from partitions where topic = ? order by partition')
      .all(id)
    const topic = { id, name, nextOffsets: rows.map((row) => Number(row.next_offset)) }
    this.#topics.set(name, topic)
    return topic
  }

  // After a rollback the counters in memory are ahead of the disk.
  #reload(): void {
    for (const [name, topic] of this.#topics) {
      const rows = this.#database
        .prepare('select next_offset from partitions where topic = ? order by partition')
        .all(topic.id)
      if (rows.length === 0) this.#topics.delete(name)
      for (const [partition, row] of rows.entries())
        topic.nextOffsets[partition] = Number(row.next_offset)
    }
  }
}
