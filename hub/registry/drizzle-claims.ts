/** Who trains a site: one hub at a time, for as long as it says that it is alive. */

import { and, eq, isNotNull, isNull, lte, or, sql } from 'drizzle-orm'
import type { RegistryDatabase } from './database.ts'
import { RegistryError, type TrainingClaim, type TrainingClaimAsked } from './registry.ts'
import { trainingClaims } from './schema.ts'

// The clock of the database, since those of hubs may differ by more than a lease.
const now = sql`clock_timestamp()`
const after = (leaseMs: number) => sql`${now} + ${leaseMs} * interval '1 millisecond'`
const nextToken = sql`${trainingClaims.token} + 1`

/** One statement: of hubs that race the second waits for the row, and finds it taken. */
export async function claimTraining(
  database: RegistryDatabase,
  { site, leaseMs, trainedBefore }: TrainingClaimAsked,
): Promise<TrainingClaim | null> {
  const { token, expiresAt, trainedAt } = trainingClaims
  const isFree = or(isNull(expiresAt), lte(expiresAt, now))
  const isDue = trainedBefore ? or(isNull(trainedAt), lte(trainedAt, trainedBefore)) : undefined
  const [row] = await database
    .insert(trainingClaims)
    .values({ site, token: 1, expiresAt: after(leaseMs) })
    .onConflictDoUpdate({
      target: trainingClaims.site,
      set: { token: nextToken, expiresAt: after(leaseMs) },
      setWhere: sql`${and(isFree, isDue)}`,
    })
    .returning({ token })
  return row ? { site, token: row.token } : null
}

export async function renewClaim(
  database: RegistryDatabase,
  claim: TrainingClaim,
  leaseMs: number,
): Promise<boolean> {
  const renewed = await database
    .update(trainingClaims)
    .set({ expiresAt: after(leaseMs) })
    .where(isOf(claim))
    .returning({ token: trainingClaims.token })
  return renewed.length > 0
}

/** The token moves on, so that nothing is done under it any more. */
export async function endClaim(
  database: RegistryDatabase,
  claim: TrainingClaim,
  trainedAt: Date | null,
): Promise<void> {
  await database
    .update(trainingClaims)
    .set({ token: nextToken, expiresAt: null, ...(trainedAt && { trainedAt }) })
    .where(isOf(claim))
}

/** Ends all claims: of a database that one process has, nobody else can hold any. */
export async function endClaims(database: RegistryDatabase): Promise<void> {
  await database
    .update(trainingClaims)
    .set({ token: nextToken, expiresAt: null })
    .where(isNotNull(trainingClaims.expiresAt))
}

export async function readTrainedAt(
  database: RegistryDatabase,
  site: string,
): Promise<Date | null> {
  const [row] = await database.select().from(trainingClaims).where(eq(trainingClaims.site, site))
  return row?.trainedAt ?? null
}

/** Does something in a transaction that nobody can take the claim over in; throws `superseded` where somebody has. */
export function underClaim<Result>(
  database: RegistryDatabase,
  claim: TrainingClaim,
  run: (transaction: RegistryDatabase) => Promise<Result>,
): Promise<Result> {
  return database.transaction(async (transaction) => {
    const held = await transaction.select().from(trainingClaims).where(isOf(claim)).for('update')
    if (held.length > 0) return run(transaction)
    throw new RegistryError(
      'superseded',
      `site ${claim.site} is being trained by another hub, or was since: this one was silent for too long`,
    )
  })
}

function isOf({ site, token }: TrainingClaim) {
  return and(eq(trainingClaims.site, site), eq(trainingClaims.token, token))
}
