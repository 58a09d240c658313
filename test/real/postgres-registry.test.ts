import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRegistry } from '#hub/registry/open-registry.ts'
import type { Registry } from '#hub/registry/registry.ts'
import { budgetsContract } from '../contract/budgets-contract.ts'
import { claimsContract } from '../contract/claims-contract.ts'
import { registryContract, releaseOf } from '../contract/registry-contract.ts'
import { type PostgresServer, postgresPrograms, startPostgres } from '../support/postgres.ts'

const programs = await postgresPrograms()
if (!programs)
  console.warn('PostgreSQL tests are skipped: there is no server here (Debian: postgresql).')

describe.skipIf(!programs)('the registry on PostgreSQL', () => {
  let server: PostgresServer
  let registry: Registry
  let second: Registry
  const open = () => openRegistry({ nowMs: Date.now, url: server.url, dataDir: '' })

  beforeAll(async () => {
    server = await startPostgres(programs ?? '')
    registry = await open()
    second = await open()
  })
  afterAll(async () => {
    await second?.close()
    await registry?.close()
    await server?.remove()
  })

  registryContract({ registry: () => registry })
  budgetsContract({ registries: () => [registry, second] })
  claimsContract({ registries: () => [registry, second] })

  test('hubs that start at the same time migrate once', async () => {
    const hubs = await Promise.all([open(), open(), open()])
    await hubs[0]?.addRelease(releaseOf('shared', 'one'))
    expect(await hubs[2]?.releases('shared', 1)).toEqual([releaseOf('shared', 'one')])
    await Promise.all(hubs.map((hub) => hub.close()))
  })

  test('a server that is away is an error to try again after', async () => {
    const away = openRegistry({
      nowMs: Date.now,
      url: 'postgres://postgres@127.0.0.1:1/postgres',
      dataDir: '',
    })
    await expect(away).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  })
})
