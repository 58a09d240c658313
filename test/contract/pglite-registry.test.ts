import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRegistry } from '#hub/registry/open-registry.ts'
import type { Registry } from '#hub/registry/registry.ts'
import { budgetsContract } from './budgets-contract.ts'
import { claimsContract } from './claims-contract.ts'
import { registryContract, releaseOf } from './registry-contract.ts'

let root = ''
let registry: Registry

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shelfedge-registry-'))
  registry = await openRegistry({ nowMs: Date.now, dataDir: join(root, 'contract') })
})

afterAll(async () => {
  await registry.close()
  await rm(root, { recursive: true, force: true })
})

describe('the embedded registry', () => registryContract({ registry: () => registry }))
// One process has it; two hubs in it share its connection.
describe('its budgets', () => budgetsContract({ registries: () => [registry, registry] }))
describe('who trains', () => claimsContract({ registries: () => [registry, registry] }))

test('a training that its process never ended is not waited for when it opens again', async () => {
  const dataDir = join(root, 'training')
  const asked = { site: 'shop', leaseMs: 60_000, trainedBefore: null }
  const open = () => openRegistry({ nowMs: Date.now, dataDir })
  const before = await open()
  const lost = await before.claimTraining(asked)
  expect(lost).not.toBeNull()
  await before.close()
  const again = await open()
  expect(lost && (await again.renewClaim(lost, 60_000))).toBe(false)
  expect(await again.claimTraining(asked)).not.toBeNull()
  await again.close()
})

test('a process killed after it recorded a release has it when it opens again', async () => {
  const dataDir = join(root, 'killed')
  const child = fork(new URL('../support/registry-recorder.ts', import.meta.url), [dataDir], {
    execArgv: [],
  })
  const [recorded] = await once(child, 'message')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const again = await openRegistry({ nowMs: Date.now, dataDir })
  expect((await again.releases('shop', 10)).map((release) => release.digest)).toEqual([recorded])
  await again.close()
})

test('rows are never changed or deleted, by anybody', async () => {
  const dataDir = join(root, 'fixed')
  const recorded = await openRegistry({ nowMs: Date.now, dataDir })
  await recorded.addRelease(releaseOf('shop', 'one'))
  await recorded.close()
  const database = await PGlite.create(join(dataDir, 'registry'))
  for (const statement of [
    "update releases set created_by = 'x'",
    'delete from tag_moves',
    'truncate evaluations',
    "update erasures set visitor = 'a:x'",
    'delete from erasure_confirmations',
    'delete from model_versions',
    'update model_judgements set passed = true',
    'truncate pop_reports',
  ])
    await expect(database.query(statement)).rejects.toThrow('never changed')
  await database.close()
})

test('a push that was recorded with its vocabulary keeps how many items it had', async () => {
  const dataDir = join(root, 'vocabulary')
  const at = new Date('2026-03-01T12:00:00Z')
  const push = { site: 'shop', digest: 'ab', bytesTotal: 12, at, by: 'ana', why: 'a try' }
  const sequence = { family: 'sequence', itemsMax: 5 }
  const tabular = { family: 'tabular', features: [] }
  const before = await openRegistry({ nowMs: Date.now, dataDir })
  const vocabulary = ['a', 'b', 'c']
  await before.addModel({ ...push, name: 'knn', declaration: { ...sequence, vocabulary } })
  await before.addModel({ ...push, name: 'tree', declaration: tabular })
  await before.close()
  const database = await PGlite.create(join(dataDir, 'registry'))
  const folder = new URL('../../hub/registry/migrations/', import.meta.url)
  await database.exec(await readFile(new URL('0008_models-without-vocabulary.sql', folder), 'utf8'))
  await expect(database.query('delete from model_versions')).rejects.toThrow('never changed')
  await database.close()
  const again = await openRegistry({ nowMs: Date.now, dataDir })
  expect((await again.models('shop', null, 2)).map(({ declaration }) => declaration)).toEqual([
    tabular,
    { ...sequence, itemsTotal: 3 },
  ])
  await again.close()
})
