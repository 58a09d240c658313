/** The models of the registry: versions, their judgements, and what POPs did on their own; only ever added. */

import { and, desc, eq, getTableColumns, max } from 'drizzle-orm'
import type { RegistryDatabase } from './database.ts'
import {
  type ModelJudgement,
  type ModelPush,
  type ModelVersion,
  type PopReport,
  RegistryError,
} from './registry.ts'
import { modelJudgements, modelVersions, popReports } from './schema.ts'
import { foreignKeyViolation, sqlState, uniqueViolation } from './sql-state.ts'

/** Pushes of one name at the same moment take each other's number; each of so many finds one. */
const attemptsMax = 20

export async function addModel(database: RegistryDatabase, push: ModelPush): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const [newest] = await database
      .select({ version: max(modelVersions.version) })
      .from(modelVersions)
      .where(and(eq(modelVersions.site, push.site), eq(modelVersions.name, push.name)))
    const version = (newest?.version ?? 0) + 1
    try {
      await database.insert(modelVersions).values({ ...push, version })
      return version
    } catch (error) {
      if (sqlState(error) !== uniqueViolation || attempt === attemptsMax) throw error
    }
  }
}

export function readModels(
  database: RegistryDatabase,
  site: string,
  name: string | null,
  limit: number,
): Promise<ModelVersion[]> {
  const { number, ...columns } = getTableColumns(modelVersions)
  return database
    .select(columns)
    .from(modelVersions)
    .where(
      and(eq(modelVersions.site, site), name === null ? undefined : eq(modelVersions.name, name)),
    )
    .orderBy(desc(number))
    .limit(limit)
}

export async function addModelJudgement(
  database: RegistryDatabase,
  judgement: ModelJudgement,
): Promise<void> {
  try {
    await database.insert(modelJudgements).values(judgement)
  } catch (error) {
    if (sqlState(error) !== foreignKeyViolation) throw error
    const { site, name, version } = judgement
    throw new RegistryError('unknown-model', `site ${site} has no ${name} ${version}`, error)
  }
}

export function readModelJudgements(
  database: RegistryDatabase,
  site: string,
  name: string,
  limit: number,
): Promise<ModelJudgement[]> {
  const { number, ...columns } = getTableColumns(modelJudgements)
  return database
    .select(columns)
    .from(modelJudgements)
    .where(and(eq(modelJudgements.site, site), eq(modelJudgements.name, name)))
    .orderBy(desc(number))
    .limit(limit)
}

export async function addPopReport(database: RegistryDatabase, report: PopReport): Promise<void> {
  await database.insert(popReports).values(report)
}

export function readPopReports(
  database: RegistryDatabase,
  site: string,
  limit: number,
): Promise<PopReport[]> {
  const { number, ...columns } = getTableColumns(popReports)
  return database
    .select(columns)
    .from(popReports)
    .where(eq(popReports.site, site))
    .orderBy(desc(number))
    .limit(limit)
}
