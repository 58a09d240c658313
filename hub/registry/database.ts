import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core'

/** PGlite or PostgreSQL, as drizzle speaks to both. */
export type RegistryDatabase = PgDatabase<PgQueryResultHKT>
