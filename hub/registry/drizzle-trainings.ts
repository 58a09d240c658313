/** The trainings of the registry: orders, and what became of them, both only ever added. */

import { and, asc, desc, eq, getTableColumns, inArray, notExists } from 'drizzle-orm'
import type { RegistryDatabase } from './database.ts'
import type { RecordedTraining, TrainingOrder, TrainingStep } from './registry.ts'
import { trainingSteps, trainings } from './schema.ts'

export async function addTraining(
  database: RegistryDatabase,
  order: TrainingOrder,
): Promise<number> {
  const [row] = await database
    .insert(trainings)
    .values(order)
    .returning({ number: trainings.number })
  if (!row) throw new Error('the registry gave a training no number')
  return row.number
}

export async function addTrainingStep(
  database: RegistryDatabase,
  step: TrainingStep,
): Promise<void> {
  await database.insert(trainingSteps).values(step)
}

export async function readTrainings(
  database: RegistryDatabase,
  site: string,
  limit: number,
): Promise<RecordedTraining[]> {
  const rows = await database
    .select()
    .from(trainings)
    .where(eq(trainings.site, site))
    .orderBy(desc(trainings.number))
    .limit(limit)
  return withSteps(database, rows)
}

export async function readTraining(
  database: RegistryDatabase,
  site: string,
  number: number,
): Promise<RecordedTraining | null> {
  const rows = await database
    .select()
    .from(trainings)
    .where(and(eq(trainings.site, site), eq(trainings.number, number)))
  return (await withSteps(database, rows))[0] ?? null
}

/** The oldest first. */
export async function readOpenTrainings(
  database: RegistryDatabase,
  limit: number,
): Promise<RecordedTraining[]> {
  const ends = database
    .select()
    .from(trainingSteps)
    .where(and(eq(trainingSteps.training, trainings.number), eq(trainingSteps.step, 'ended')))
  const rows = await database
    .select()
    .from(trainings)
    .where(notExists(ends))
    .orderBy(asc(trainings.number))
    .limit(limit)
  return withSteps(database, rows)
}

async function withSteps(
  database: RegistryDatabase,
  orders: readonly (typeof trainings.$inferSelect)[],
): Promise<RecordedTraining[]> {
  const { number: _, ...ofStep } = getTableColumns(trainingSteps)
  const numbers = orders.map(({ number }) => number)
  const steps = await database
    .select(ofStep)
    .from(trainingSteps)
    .where(inArray(trainingSteps.training, numbers))
    .orderBy(asc(trainingSteps.number))
  return orders.map((order) => {
    const own = steps.filter(({ training }) => training === order.number)
    const starts = own.filter(({ step }) => step === 'started')
    const left = own.filter(({ step }) => step === 'left')
    // Two hubs may have taken up the same order: what came first stands.
    const end = own.find(({ step }) => step === 'ended')
    return {
      ...order,
      ...{ starts: starts.length - left.length, startedAt: starts.at(-1)?.at ?? null },
      ...{ endedAt: end?.at ?? null, end: end?.end ?? null },
    }
  })
}
