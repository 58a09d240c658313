/** The registry over drizzle: the same statements in PGlite and in PostgreSQL. */

import { and, desc, eq, getTableColumns, inArray, lte, ne } from 'drizzle-orm'
import type { RegistryDatabase } from './database.ts'
import { claimTraining, endClaim, readTrainedAt, renewClaim, underClaim } from './drizzle-claims.ts'
import {
  addErasure,
  addErasureConfirmation,
  readErasures,
  readErasuresOf,
} from './drizzle-erasures.ts'
import {
  addModel,
  addModelJudgement,
  addPopReport,
  readModelJudgements,
  readModels,
  readPopReports,
} from './drizzle-models.ts'
import {
  addOfferCodes,
  countOfferCodes,
  exchangeLease,
  isGranted,
  isInVain,
  readOfferBudgets,
} from './drizzle-offers.ts'
import {
  addTraining,
  addTrainingStep,
  readOpenTrainings,
  readTraining,
  readTrainings,
} from './drizzle-trainings.ts'
import {
  type Evaluation,
  type Registry,
  RegistryError,
  type ReleaseRecord,
  type TagMove,
} from './registry.ts'
import { evaluations, releases, tagMoves } from './schema.ts'
import { foreignKeyViolation, sqlState } from './sql-state.ts'

/** What differs between the databases. */
export interface RegistryHooks {
  /** Lets go of the connections. */
  readonly end: () => Promise<void>
  /** Makes a write durable where the database does not. */
  readonly afterWrite: () => Promise<void>
}

/** A registry over a migrated database. */
export function createRegistry(
  database: RegistryDatabase,
  { end, afterWrite }: RegistryHooks,
): Registry {
  const write = <Result>(run: () => Promise<Result>) =>
    typed(async () => {
      const result = await run()
      await afterWrite()
      return result
    })
  return {
    addRelease: (release) => write(() => addRelease(database, release)),
    addEvaluation: (evaluation) => write(() => addEvaluation(database, evaluation)),
    moveTag: (move, claim) =>
      write(() =>
        claim
          ? underClaim(database, claim, (transaction) => moveTag(transaction, move))
          : moveTag(database, move),
      ),
    addModel: (push) => write(() => addModel(database, push)),
    addModelJudgement: (judgement) => write(() => addModelJudgement(database, judgement)),
    addPopReport: (report) => write(() => addPopReport(database, report)),
    addTraining: (order) => write(() => addTraining(database, order)),
    addTrainingStep: (step) => write(() => addTrainingStep(database, step)),
    trainings: (site, limit) => typed(() => readTrainings(database, site, limit)),
    training: (site, number) => typed(() => readTraining(database, site, number)),
    openTrainings: (limit) => typed(() => readOpenTrainings(database, limit)),
    // A claim that the disk loses is one that its process loses too; when a site was trained has to stay.
    claimTraining: (asked) => typed(() => claimTraining(database, asked)),
    renewClaim: (claim, leaseMs) => typed(() => renewClaim(database, claim, leaseMs)),
    endClaim: (claim, trainedAt) =>
      (trainedAt ? write : typed)(() => endClaim(database, claim, trainedAt)),
    trainedAt: (site) => typed(() => readTrainedAt(database, site)),
    models: (site, name, limit) => typed(() => readModels(database, site, name, limit)),
    modelJudgements: (site, name, limit) =>
      typed(() => readModelJudgements(database, site, name, limit)),
    popReports: (site, limit) => typed(() => readPopReports(database, site, limit)),
    lastMove: (site, ...tags) => typed(() => newestMove(database, site, tags)),
    tagBefore: (site, tag) => typed(() => digestBefore(database, site, tag)),
    moveAt: (site, tag, at) => typed(() => newestMove(database, site, [tag], at)),
    evaluations: (digest, limit) => typed(() => readEvaluations(database, digest, limit)),
    tag: (site, tag) =>
      typed(async () => (await newestMove(database, site, [tag]))?.digest ?? null),
    liveAt: (site, tag, at) =>
      typed(async () => (await newestMove(database, site, [tag], at))?.digest ?? null),
    releases: (site, limit) => typed(() => readReleases(database, site, limit)),
    history: (site, limit) => typed(() => readHistory(database, site, limit)),
    addErasure: (order) => write(() => addErasure(database, order)),
    addErasureConfirmation: (erasure, confirmation) =>
      write(() => addErasureConfirmation(database, erasure, confirmation)),
    erasures: (wanted, limit) => typed(() => readErasures(database, wanted, limit)),
    erasuresOf: (site, visitor, limit) =>
      typed(() => readErasuresOf(database, site, visitor, limit)),
    exchangeLease: async (exchange) =>
      (await typed(() => isInVain(database, exchange)))
        ? { lease: null, settled: [] }
        : write(() => exchangeLease(database, exchange)),
    addOfferCodes: (budget, codes) => write(() => addOfferCodes(database, budget, codes)),
    countOfferCodes: (budget, limit) => typed(() => countOfferCodes(database, budget, limit)),
    offerBudgets: (site, limit) => typed(() => readOfferBudgets(database, site, limit)),
    isGranted: (budget, number) => typed(() => isGranted(database, budget, number)),
    close: end,
  }
}

async function addRelease(database: RegistryDatabase, release: ReleaseRecord): Promise<void> {
  await database.insert(releases).values(release).onConflictDoNothing()
}

async function addEvaluation(database: RegistryDatabase, evaluation: Evaluation): Promise<void> {
  const known = await database
    .select({ digest: releases.digest })
    .from(releases)
    .where(eq(releases.digest, evaluation.digest))
    .limit(1)
  if (known.length === 0)
    throw new RegistryError('unknown-release', `there is no release ${evaluation.digest}`)
  await database.insert(evaluations).values(evaluation)
}

async function moveTag(database: RegistryDatabase, move: TagMove): Promise<void> {
  try {
    await database.insert(tagMoves).values(move)
  } catch (error) {
    if (sqlState(error) !== foreignKeyViolation) throw error
    throw new RegistryError(
      'unknown-release',
      `site ${move.site} has no release ${move.digest}`,
      error,
    )
  }
}

/** Every column but the number. */
const { number: _, ...ofMove } = getTableColumns(tagMoves)

async function newestMove(
  database: RegistryDatabase,
  site: string,
  tags: readonly string[],
  at?: Date,
): Promise<TagMove | null> {
  const rows = await database
    .select(ofMove)
    .from(tagMoves)
    .where(and(eq(tagMoves.site, site), inArray(tagMoves.tag, tags), at && lte(tagMoves.at, at)))
    .orderBy(desc(tagMoves.number))
    .limit(1)
  return rows[0] ?? null
}

async function digestBefore(
  database: RegistryDatabase,
  site: string,
  tag: string,
): Promise<string | null> {
  const last = await newestMove(database, site, [tag])
  if (last === null) return null
  const [before] = await database
    .select({ digest: tagMoves.digest })
    .from(tagMoves)
    .where(and(eq(tagMoves.site, site), eq(tagMoves.tag, tag), ne(tagMoves.digest, last.digest)))
    .orderBy(desc(tagMoves.number))
    .limit(1)
  return before?.digest ?? null
}

function readReleases(
  database: RegistryDatabase,
  site: string,
  limit: number,
): Promise<ReleaseRecord[]> {
  const { site: ofSite, digest, createdAt, createdBy, manifest, bytesTotal } = releases
  return database
    .select({ site: ofSite, digest, createdAt, createdBy, manifest, bytesTotal })
    .from(releases)
    .where(eq(releases.site, site))
    .orderBy(desc(releases.number))
    .limit(limit)
}

function readHistory(database: RegistryDatabase, site: string, limit: number): Promise<TagMove[]> {
  return database
    .select(ofMove)
    .from(tagMoves)
    .where(eq(tagMoves.site, site))
    .orderBy(desc(tagMoves.number))
    .limit(limit)
}

function readEvaluations(
  database: RegistryDatabase,
  digest: string,
  limit: number,
): Promise<Evaluation[]> {
  const { digest: ofDigest, at, name, figures } = evaluations
  return database
    .select({ digest: ofDigest, at, name, figures })
    .from(evaluations)
    .where(eq(evaluations.digest, digest))
    .orderBy(desc(evaluations.number))
    .limit(limit)
}

// Without a SQLSTATE of the statement's own fault (classes 22, 23, 42) it is the way to the database that failed.
export async function typed<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof RegistryError) throw error
    const cause = (error as { cause?: unknown }).cause ?? error
    const message = cause instanceof Error ? cause.message : String(cause)
    const own = /^(22|23|42)...$/.test(sqlState(error) ?? '')
    throw new RegistryError(
      own ? 'conflict' : 'unavailable',
      `the registry failed: ${message}`,
      error,
    )
  }
}
