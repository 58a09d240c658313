/**
 * Tables of the registry. Rows are added and never changed: what was live when can always be said. Only budgets of
 * offers, their leases and codes change, as they are spent, and who trains a site now.
 */

import {
  bigint,
  boolean,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'
import type { TrainingEnd, TrainingStep } from './registry.ts'

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
    /** Of a canary: which part of the visitors; null for other tags. */
    share: doublePrecision(),
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

// What was pushed, refused or not: a version is a number counted by site and name.
export const modelVersions = pgTable(
  'model_versions',
  {
    number: number().unique(),
    site: text().notNull(),
    name: text().notNull(),
    version: integer().notNull(),
    digest: text().notNull(),
    declaration: jsonb().notNull(),
    bytesTotal: bigint('bytes_total', { mode: 'number' }).notNull(),
    at: instant('at'),
    by: text().notNull(),
    why: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.site, table.name, table.version] })],
)

export const modelJudgements = pgTable(
  'model_judgements',
  {
    number: number().primaryKey(),
    site: text().notNull(),
    name: text().notNull(),
    version: integer().notNull(),
    at: instant('at'),
    what: text().notNull(),
    passed: boolean().notNull(),
    code: text(),
    reason: text().notNull(),
    figures: jsonb().$type<Readonly<Record<string, number>>>().notNull(),
    /** The release that was made of the version, where one was. */
    release: text(),
  },
  (table) => [
    index('model_judgements_version').on(table.site, table.name, table.version, table.number),
    foreignKey({
      name: 'model_judgements_of',
      columns: [table.site, table.name, table.version],
      foreignColumns: [modelVersions.site, modelVersions.name, modelVersions.version],
    }),
  ],
)

// What POPs did on their own: a canary that they ended.
export const popReports = pgTable(
  'pop_reports',
  {
    number: number().primaryKey(),
    site: text().notNull(),
    pop: text().notNull(),
    digest: text().notNull(),
    at: instant('at'),
    reason: text().notNull(),
    figures: jsonb().$type<Readonly<Record<string, number>>>().notNull(),
  },
  (table) => [index('pop_reports_site').on(table.site, table.number)],
)

// What was ordered is taken up again by a hub that was killed over it; a training is open until a step ended it.
export const trainings = pgTable(
  'trainings',
  {
    number: number().primaryKey(),
    site: text().notNull(),
    by: text().notNull(),
    at: instant('at'),
  },
  (table) => [index('trainings_site').on(table.site, table.number)],
)

export const trainingSteps = pgTable(
  'training_steps',
  {
    number: number().primaryKey(),
    training: bigint({ mode: 'number' })
      .notNull()
      .references(() => trainings.number),
    at: instant('at'),
    step: text().$type<TrainingStep['step']>().notNull(),
    end: jsonb().$type<TrainingEnd>(),
  },
  (table) => [index('training_steps_training').on(table.training, table.number)],
)

// Who trains a site now, or did last: a hub that took it over has another token than the one before.
export const trainingClaims = pgTable('training_claims', {
  site: text().primaryKey(),
  token: bigint({ mode: 'number' }).notNull(),
  /** Null while no hub trains it. */
  expiresAt: timestamp('expires_at', { withTimezone: true, precision: 3 }),
  /** When the last training began that had enough to learn from; null before the first. */
  trainedAt: timestamp('trained_at', { withTimezone: true, precision: 3 }),
})

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

// What is granted of a budget: at POPs, or spent. It has no limit of its own, which is in the policy.
export const offerBudgets = pgTable(
  'offer_budgets',
  {
    site: text().notNull(),
    offer: text().notNull(),
    budget: text().notNull(),
    granted: bigint({ mode: 'number' }).notNull().default(0),
    /** The number of the next issue; never given out twice, also where an issue went back. */
    next: bigint({ mode: 'number' }).notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.site, table.offer, table.budget] })],
)

export const offerLeases = pgTable(
  'offer_leases',
  {
    site: text().notNull(),
    lease: text().notNull(),
    offer: text().notNull(),
    budget: text().notNull(),
    pop: text().notNull(),
    first: bigint({ mode: 'number' }).notNull(),
    units: integer().notNull(),
    /** What the POP said it has handed out. */
    used: integer().notNull().default(0),
    grantedAt: instant('granted_at'),
    /** When the POP gave the rest back; null while it hands out, and for ever where it is lost. */
    closedAt: timestamp('closed_at', { withTimezone: true, precision: 3 }),
  },
  (table) => [
    primaryKey({ columns: [table.site, table.lease] }),
    index('offer_leases_budget').on(table.site, table.offer, table.budget),
  ],
)

export const offerCodes = pgTable(
  'offer_codes',
  {
    site: text().notNull(),
    code: text().notNull(),
    number: number().unique(),
    offer: text().notNull(),
    budget: text().notNull(),
    /** Where it is; null while nobody has it. */
    lease: text(),
  },
  (table) => [
    primaryKey({ columns: [table.site, table.code] }),
    index('offer_codes_budget').on(
      table.site,
      table.offer,
      table.budget,
      table.lease,
      table.number,
    ),
  ],
)
