import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Hono } from 'hono'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { askReleases } from '#hub/publishing/push.ts'
import { makeReady } from '#hub/publishing/tags.ts'
import { Schedule } from '#hub/schedule.ts'
import { adminToken, openTestHub, type TestHub } from '#test/support/hub.ts'
import { type ReleasePop, startReleasePop } from '#test/support/release-pop.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const tokens = { reader: 'a-token-that-may-read', ann: 'a-token-that-may-move-tags' }

let hub: TestHub
let app: Hono
let pops: [ReleasePop, ReleasePop]

beforeAll(async () => {
  pops = [await startReleasePop('pop-1'), await startReleasePop('pop-2')]
  hub = await openTestHub({
    POP_URLS: JSON.stringify(pops.map(({ url }) => url)),
    TOKENS: JSON.stringify({
      reader: { sha256: sha256(tokens.reader), roles: ['read'] },
      ann: { sha256: sha256(tokens.ann), roles: ['promote'] },
    }),
  })
  app = hubApp(hub.environment, new Schedule(hub.environment))
})

afterAll(async () => {
  await hub?.close()
  for (const pop of pops) await pop.close()
})

async function ask(method: 'GET' | 'POST', path: string, token = tokens.ann) {
  const response = await app.request(path, {
    method,
    headers: { authorization: `Bearer ${token}` },
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** A release as it is after its making; the POPs here look into none. */
async function release(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text)
  const digest = await hub.environment.blobs.put(bytes)
  await hub.environment.registry.addRelease({
    ...{ digest, site: 'shop', createdAt: new Date(), createdBy: 'test', manifest: {} },
    bytesTotal: bytes.length,
  })
  return digest
}

it('a POP of another version, or what is none, is told of in plain words', async () => {
  const answers = ['{"site":"shop"}', '<html>']
  const server = createServer((_, response) => response.end(answers.shift()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ask = () => askReleases(url, 'shop', hub.environment.signature)
  const other = 'answered something else than was asked for'
  await expect(ask()).rejects.toThrow(`${url} ${other}: digest is missing`)
  await expect(ask()).rejects.toThrow(`${url} ${other}: the answer must be an object`)
  server.close()
})

it('a token does what its roles say, and the history says whose it was', async () => {
  const digest = await release('roles')
  const path = `/v1/releases/${digest}/promote`
  expect((await ask('POST', path, 'nobody-has-this')).status).toBe(401)
  expect(await ask('POST', path, tokens.reader)).toMatchObject({
    status: 403,
    body: { error: 'role_missing', detail: 'the token of reader may not promote' },
  })
  expect((await ask('GET', '/v1/history', tokens.reader)).status).toBe(200)
  expect((await ask('POST', '/v1/query', tokens.ann)).status).toBe(403)
  expect((await ask('GET', '/metrics', tokens.reader)).status).toBe(403)
  expect((await ask('POST', `${path}?why=first`, tokens.ann)).status).toBe(200)
  expect(await hub.environment.registry.history('shop', 1)).toMatchObject([
    { tag: 'live', digest, by: 'ann', why: 'first', share: null },
  ])
  expect((await ask('GET', '/v1/releases', adminToken)).status).toBe(200)
})

it('a release goes through canary and promotion to every POP, and back by its name alone', async () => {
  const [before, next] = [await release('before'), await release('next')]
  await ask('POST', `/v1/releases/${before}/promote`)
  for (const { told } of pops) told.length = 0
  const canaried = await ask('POST', `/v1/releases/${next.slice(0, 12)}/canary?share=0.2&why=try`)
  expect(canaried).toMatchObject({ status: 200, body: { tag: 'canary', share: 0.2, digest: next } })
  for (const { state } of pops) {
    expect(state).toMatchObject({ digest: before, canary: { digest: next, terms: { share: 0.2 } } })
  }
  await ask('POST', `/v1/releases/${next}/promote`)
  for (const { state } of pops) expect(state).toMatchObject({ digest: next, canary: null })
  const back = await ask('POST', '/v1/releases/rollback?why=worse')
  expect(back.body).toMatchObject({ digest: before, before: next })
  for (const { state, told } of pops) {
    expect(state.digest).toBe(before)
    expect(told).toEqual(['canary by bytes', 'live by name', 'live by name'])
  }
})

it('what was judged waits ready at every POP, and makes way for what a rollback would bring back', async () => {
  const [before, next, later] = [
    await release('worn'),
    await release('fit'),
    await release('fitter'),
  ]
  const mover = { site: 'shop', by: 'test', why: 'judged' }
  await ask('POST', `/v1/releases/${before}/promote`)
  expect(await makeReady(next, mover, hub.environment)).toBe(2)
  for (const { state } of pops) expect(state).toMatchObject({ digest: before, standby: next })
  for (const { told } of pops) told.length = 0
  await ask('POST', `/v1/releases/${next}/promote`)
  await ask('POST', '/v1/releases/rollback')
  for (const { state, told } of pops) {
    expect(state).toMatchObject({ digest: before, standby: next })
    expect(told).toEqual(['live by name', 'live by name'])
  }
  await makeReady(later, mover, hub.environment)
  for (const { state } of pops) expect(state.standby).toBe(later)
  await ask('POST', `/v1/releases/${next}/promote`)
  for (const { state } of pops) expect(state).toMatchObject({ digest: next, standby: before })
})

it('a POP that cannot keep anything ready is not asked to: it would make it live', async () => {
  const [before, next] = [await release('plain'), await release('fancy')]
  const mover = { site: 'shop', by: 'test', why: 'judged' }
  await ask('POST', `/v1/releases/${before}/promote`)
  const [former] = pops
  former.state.standby = undefined
  expect(await makeReady(next, mover, hub.environment)).toBe(1)
  expect(former.state).toMatchObject({ digest: before, standby: undefined })
  former.state.standby = null
})

it('a POP that had no room to load what is to wait there is not counted as ready', async () => {
  const [before, next] = [await release('narrow'), await release('wide')]
  const mover = { site: 'shop', by: 'test', why: 'judged' }
  await ask('POST', `/v1/releases/${before}/promote`)
  const [full] = pops
  full.state.isStandbyReady = false
  expect(await makeReady(next, mover, hub.environment)).toBe(1)
  full.state.isStandbyReady = true
  // It is live there all the same once the tag says so.
  await ask('POST', `/v1/releases/${next}/promote`)
  for (const { state } of pops) expect(state.digest).toBe(next)
})

it('a canary that one POP ended is recorded with why, and ends at the others', async () => {
  const [live, canary] = [await release('steady'), await release('shaky')]
  await ask('POST', `/v1/releases/${live}/promote`)
  await ask('POST', `/v1/releases/${canary}/canary?share=1`)
  const [first, second] = pops
  const startedAtMs = first.state.canary?.terms.startedAtMs ?? 0
  first.state.canary = null
  first.state.ended = {
    ...{ digest: canary, startedAtMs, at: Date.now(), reason: '40.0 % failed' },
    figures: { canaryFailures: 40 },
  }
  await hub.environment.publisher.pushNow()
  await expect.poll(() => second.state.canary, { timeout: 10_000 }).toBeNull()
  expect(await hub.environment.registry.lastMove('shop', 'canary')).toMatchObject({
    ...{ digest: live, share: 0, by: 'POP pop-1', why: '40.0 % failed' },
  })
  expect((await ask('GET', '/v1/releases/reports')).body).toMatchObject([
    { pop: 'pop-1', digest: canary, figures: { canaryFailures: 40 } },
  ])
  // Tried again it is another canary.
  await ask('POST', `/v1/releases/${canary}/canary?share=1`)
  expect(pops[0].state).toMatchObject({ canary: { digest: canary } })
})

it('a canary that was ordered anew does not end by what a POP tells of the order before', async () => {
  const [live, canary] = [await release('steady'), await release('tried twice')]
  await ask('POST', `/v1/releases/${live}/promote`)
  await ask('POST', `/v1/releases/${canary}/canary?share=1`)
  const { registry, publisher } = hub.environment
  const [{ state }] = pops
  const ordered = await registry.lastMove('shop', 'canary')
  if (!ordered) throw new Error('no canary was ordered')
  state.ended = {
    ...{ digest: canary, startedAtMs: ordered.at.getTime(), at: Date.now(), reason: 'it failed' },
    figures: {},
  }
  // The new order comes while the hub writes down what the POP told.
  const { addPopReport } = registry
  registry.addPopReport = async (report) => {
    registry.addPopReport = addPopReport
    await addPopReport.call(registry, report)
    await registry.moveTag({ ...ordered, at: new Date(ordered.at.getTime() + 1) })
  }
  await publisher.pushNow()
  expect(await registry.lastMove('shop', 'canary')).toMatchObject({ digest: canary, share: 1 })
})

it('what was live at a time is said with who and why', async () => {
  const [one, two] = [await release('one'), await release('two')]
  await ask('POST', `/v1/releases/${one}/promote?why=one`)
  const between = await hub.environment.registry.lastMove('shop', 'live')
  await ask('POST', `/v1/releases/${two}/promote?why=two`)
  const at = between?.at.toISOString() ?? ''
  expect((await ask('GET', `/v1/history?at=${at}`)).body).toMatchObject({
    live: { digest: one, by: 'ann', why: 'one' },
  })
  expect((await ask('GET', '/v1/history?at=2001-01-01')).body).toMatchObject({ live: null })
})

it.each([
  ['a release nobody made', `/v1/releases/${'0'.repeat(64)}/promote`, 404, 'unknown_release'],
  ['a share that is none', `/v1/releases/${'0'.repeat(64)}/canary?share=2`, 400, 'share_invalid'],
  ['a time that is none', '/v1/history?at=yesterday', 400, 'invalid_time'],
])('refuses %s', async (_what, path, status, error) => {
  const answer = await ask(path.startsWith('/v1/history') ? 'GET' : 'POST', path)
  expect(answer).toMatchObject({ status, body: { error } })
})
