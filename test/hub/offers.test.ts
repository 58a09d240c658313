import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { Schedule } from '#hub/schedule.ts'
import { type LeaseAnswer, type LeaseQuestion, leasePath } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import { generatedCode, offerCodeKey } from '#shared/offers/code.ts'
import {
  adminToken,
  openTestHub,
  serveTestHub,
  signedRequestTo,
  type TestHub,
} from '#test/support/hub.ts'
import { popSecret } from '#test/support/keys.ts'
import { publishOffers } from '#test/support/publish-offers.ts'
import { runProgram } from '#test/support/start-program.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const tokens = { reader: 'a-token-that-may-read', bringer: 'a-token-that-may-push' }
const spring = { id: 'spring', issuesMax: 5 }

let hub: TestHub
/** Two hubs over one registry. */
let apps: [Hono, Hono]
beforeAll(async () => {
  hub = await openTestHub({
    TOKENS: JSON.stringify({
      reader: { sha256: sha256(tokens.reader), roles: ['read'] },
      bringer: { sha256: sha256(tokens.bringer), roles: ['push'] },
    }),
  })
  const app = () => hubApp(hub.environment, new Schedule(hub.environment))
  apps = [app(), app()]
})
afterAll(() => hub?.close())

let asked = 0
async function lease(changes: Partial<LeaseQuestion> = {}) {
  const question = {
    ...{ pop: 'pop-1', site: 'shop', offer: 'ten', budget: 'spring', used: [] },
    ...{ ask: { lease: `lease ${++asked}`, unitsMax: 100 }, ...changes },
  }
  const app = apps[asked % 2] as Hono
  const response = await app.request(leasePath, await signedRequestTo(leasePath, question))
  return { status: response.status, body: (await response.json()) as LeaseAnswer }
}

async function operator(path: string, token = tokens.reader, body?: string) {
  const method = body === undefined ? 'GET' : 'POST'
  const headers = { authorization: `Bearer ${token}` }
  const response = await apps[0].request(path, { method, headers, ...(body && { body }) })
  return { status: response.status, body: await response.json() }
}

describe('a lease', () => {
  it('is granted of the budget that the live release declares, until it is spent', async () => {
    await publishOffers([{ name: 'ten', terms: {}, budget: spring }], hub.environment)
    for (let unit = 0; unit < spring.issuesMax; unit++) {
      expect((await lease()).body.lease).toMatchObject({ first: unit, units: 1, codes: null })
    }
    expect((await lease()).body).toMatchObject({ lease: null, reason: 'budget_spent' })
  })

  it('of a new release counts what was spent before, and grants what was added', async () => {
    const raised = { id: 'spring', amountMax: 30.5, amountEach: 5 }
    await publishOffers([{ name: 'ten', terms: {}, budget: raised }], hub.environment)
    expect((await lease()).body.lease).toMatchObject({ first: 5, units: 1 })
    expect((await lease()).body.reason).toBe('budget_spent')
    const other = { id: 'summer', issuesMax: 1 }
    await publishOffers([{ name: 'ten', terms: {}, budget: other }], hub.environment)
    expect((await lease()).body.reason).toBe('unknown_budget')
    expect((await lease({ budget: 'summer' })).body.lease).toMatchObject({ first: 0, units: 1 })
  })

  it('is for POPs of the hub’s sites', async () => {
    expect((await lease({ site: 'nobody' })).status).toBe(409)
    expect((await lease({ used: [{ lease: '', units: 0, closed: true }] })).status).toBe(422)
    const request = await signedRequestTo(leasePath, {}, { secret: 'x'.repeat(40) })
    expect((await apps[0].request(leasePath, request)).status).toBe(401)
    expect((await apps[0].request(leasePath, { method: 'POST', body: '{}' })).status).toBe(401)
  })
})

describe('an operator', () => {
  it('adds codes to a list, sees what is left, and each goes out once', async () => {
    const budget = { id: 'vip', issuesMax: 100 }
    const vip = { name: 'vip', terms: {}, budget, code: { from: 'list' as const } }
    await publishOffers([vip], hub.environment)
    const path = '/v1/offers/codes?offer=vip&budget=vip'
    expect((await operator(path, tokens.reader, 'A')).status).toBe(403)
    expect((await operator(path, tokens.bringer, 'A\nnot one')).status).toBe(400)
    const added = await operator(path, tokens.bringer, 'A\r\nB\n\nA\n')
    expect(added.body).toEqual({ added: 2, known: 0 })
    expect((await operator(path, tokens.bringer, 'B\nC')).body).toEqual({ added: 1, known: 1 })
    const ofVip = { offer: 'vip', budget: 'vip' }
    expect((await lease(ofVip)).body.lease?.codes).toEqual(['A'])
    await lease({
      ...ofVip,
      ask: null,
      used: [{ lease: `lease ${asked}`, units: 1, closed: true }],
    })
    const listed = (await operator('/v1/offers')).body as { offer: string }[]
    expect(listed.find(({ offer }) => offer === 'vip')).toMatchObject({
      ...{ ...ofVip, issuesMax: 100, granted: 1, handedOut: 1, left: 2, codesLeft: 2 },
    })
    expect(listed.find(({ offer }) => offer === 'ten')).toMatchObject({ issuesMax: null, left: 0 })
  })

  it('adds codes for an offer that no release has only where they are said to be ahead of it', async () => {
    const codes = (offer: string, more = '') =>
      operator(`/v1/offers/codes?offer=${offer}&budget=vip${more}`, tokens.bringer, 'D')
    const refused = await codes('vpi')
    expect(refused.status).toBe(409)
    expect(refused.body).toMatchObject({
      error: 'unknown_offer',
      detail: expect.stringContaining('those that have one are vip (budget vip)'),
    })
    expect((await codes('vpi', '&ahead=true')).body).toEqual({ added: 1, known: 0 })
    // One that makes its codes, or has none, gives none of a list.
    const made = { name: 'made', terms: {}, budget: { id: 'vip', issuesMax: 1 }, code: 'ALL' }
    await publishOffers([made], hub.environment)
    expect((await codes('made')).body).toMatchObject({
      detail: expect.stringContaining('no offer has one'),
    })
  })

  it('is refused more codes than a request or a budget may have, with the numbers', async () => {
    const path = '/v1/offers/codes?offer=vip&budget=vip&ahead=true'
    const lines = Array.from({ length: limits.codesAddedMax + 1 }, (_, at) => `L${at}`)
    const tooMany = await operator(path, tokens.bringer, lines.join('\n'))
    expect(tooMany).toMatchObject({ status: 413, body: { error: 'too_many_codes' } })
    expect(tooMany.body.detail).toMatch(/at most 10000 codes, and these are 10001: .*codes add/)
    const { registry } = hub.environment
    const counted = vi.spyOn(registry, 'countOfferCodes')
    counted.mockResolvedValueOnce(limits.listedCodesMax - 1)
    const full = await operator(path, tokens.bringer, 'L1\nL2')
    counted.mockRestore()
    expect(full).toMatchObject({ status: 413, body: { error: 'too_many_codes' } })
    expect(full.body.detail).toMatch(/at most 200000 .* has 199999, and these are 2$/)
  })

  it('adds a long list by the command, which sends it in parts and tells how far it is', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'shelfedge-codes-'))
    const served = await serveTestHub(hub)
    try {
      const file = join(directory, 'codes.txt')
      const codes = Array.from({ length: limits.codesAddedMax + 2 }, (_, at) => `C${at}`)
      await writeFile(file, [...codes, 'C0', ''].join('\r\n'))
      const added = await runProgram('hub/cli/main.ts', { ADMIN_TOKEN: adminToken }, [
        ...['--hub', served.url, 'offers', 'codes', 'add', 'long', file],
        ...['--budget', 'list', '--ahead'],
      ])
      expect(added).toEqual({
        ...{ status: 0, stdout: '10002 codes added, 0 known before.\n' },
        stderr: '10000 of 10002 codes sent, 10000 added\n',
      })
    } finally {
      served.close()
      await rm(directory, { recursive: true })
    }
  }, 60_000)

  it('is told whose a generated code is, and that a made-up one is nobody’s', async () => {
    const budget = { id: 'spring', issuesMax: 100 }
    const code = { from: 'generated' as const, prefix: 'SP-' }
    await publishOffers([{ name: 'sealed', terms: {}, budget, code }], hub.environment)
    await lease({ offer: 'sealed' })
    const key = offerCodeKey(popSecret, 'shop')
    const codeOf = (number: number) =>
      generatedCode(key, { offer: 'sealed', budget: 'spring' }, number, 'SP-')
    const verify = async (text: string) => (await operator(`/v1/offers/codes/${text}`)).body
    expect(await verify(codeOf(1))).toMatchObject({ genuine: true, offer: 'sealed', number: 1 })
    // Made with the key, and never granted.
    expect(await verify(codeOf(50))).toMatchObject({ genuine: false, number: 50 })
    expect(await verify('SP-1ABCDEFGHJK')).toMatchObject({ genuine: false, offer: null })
  })
})
