import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Environment } from '#hub/environment.ts'
import { composeRelease, type Pushed } from '#hub/judging/compose-release.ts'
import { unpackRelease } from '#shared/release.ts'
import type { Feature } from '#shared/tabular/feature.ts'

let policyDir: string
beforeEach(async () => {
  policyDir = await mkdtemp(join(tmpdir(), 'shelfedge-compose-'))
})
afterEach(() => rm(policyDir, { recursive: true }))

const feature: Feature = { name: 'hour', from: 'time.hour', type: 'number', imputed: 12 }
const pushed: Pushed = {
  ...{ site: 'ward', name: 'risk', version: 1, model: Uint8Array.of(1) },
  declared: { family: 'tabular', features: [feature], scores: 1, scoreAt: 0 },
}

test('a pushed model brings the streams that the policy asks for, and a second push finds no file of them', async () => {
  const policy =
    'placements: { ward: { kind: alert, model: anomaly, levels: [{ severity: odd, on: score > 1.0 }] } }'
  await writeFile(join(policyDir, 'ward.yaml'), policy)
  const environment = { config: { policyDir }, now: () => 0 } as unknown as Environment
  const first = await composeRelease(pushed, null, environment)
  if (!first.ok) throw new Error(first.reason)
  const live = unpackRelease(first.release.bytes)
  expect(Object.keys(live.manifest.models).sort()).toEqual(['anomaly', 'risk'])
  const second = await composeRelease({ ...pushed, name: 'other' }, live, environment)
  if (!second.ok) throw new Error(second.reason)
  const after = unpackRelease(second.release.bytes)
  expect(Object.keys(after.manifest.models).sort()).toEqual(['anomaly', 'other', 'risk'])
  expect(Object.keys(after.models).sort()).toEqual(['other', 'risk'])
})
