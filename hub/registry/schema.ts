/** Tables of the registry. Rows are added and never changed: what was live when can always be said. */

import {
  bigint,
  foreignKey,
  index,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 }).notNull()
const number = () => bigint({ mode: 'number' }).generatedAlwaysAsIdentity()

// The key holds the site: two sites may build byte for byte the same release, and neither sees the other's row.
export const releases = pgTable(
  'releases',
  {
    number: number().unique(),
    site: text().notNull(),
    digest: text().notNull(),
    createdAt: instant('created_at'),
    createdBy: text('created_by').notNull(),
    manifest: jsonb().notNull(),
    bytesTotal: bigint('bytes_total', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.site, table.digest] }),
    index('releases_digest').on(table.digest),
  ],
)

export const evaluations = pgTable(
  'evaluations',
  {
    number: number().primaryKey(),
    digest: text().notNull(),
    at: instant('at'),
    name: text().notNull(),
    figures: jsonb().$type<Readonly<Record<string, number>>>().notNull(),
  },
  (table) => [index('evaluations_digest').on(table.digest, table.number)],
)

// The number decides which move is the newest, not the time: clocks go back, identities do not.
export const tagMoves = pgTable(
  'tag_moves',
  {
    number: number().primaryKey(),
    site: text().notNull(),
    tag: text().notNull(),
    digest: text().notNull(),
    at: instant('at'),
    by: text().notNull(),
    why: text().notNull(),
  },
  (table) => [
    index('tag_moves_newest').on(table.site, table.tag, table.number),
    foreignKey({
      name: 'tag_moves_release',
      columns: [table.site, table.digest],
      foreignColumns: [releases.site, releases.digest],
    }),
  ],
)

export const erasures = pgTable(
  'erasures',
  {
    number: number().primaryKey(),
    site: text().notNull(),
    visitor: text().notNull(),
    at: instant('at'),
    by: text().notNull(),
  },
  (table) => [index('erasures_visitor').on(table.site, table.visitor, table.number)],
)

export const erasureConfirmations = pgTable(
  'erasure_confirmations',
  {
    number: number().primaryKey(),
    erasure: bigint({ mode: 'number' })
      .notNull()
      .references(() => erasures.number),
    target: text().notNull(),
    at: instant('at'),
    pop: text(),
    epoch: bigint({ mode: 'number' }),
    found: jsonb().$type<Readonly<Record<string, unknown>>>().notNull(),
  },
  (table) => [index('erasure_confirmations_erasure').on(table.erasure, table.number)],
)
