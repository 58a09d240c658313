import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { patience, startTestSystem, type TestSystem, viewOf } from '#test/support/local-system.ts'

// Real processes: the hub with its embedded store, the POP in workerd, HTTP between them.

interface Told {
  readonly stored: Record<string, unknown[]>
  readonly pops: { known: boolean; batches: unknown[] }[]
  readonly erasures: { complete: boolean }[]
}
interface State {
  readonly complete: boolean
  readonly found: boolean
  readonly targets: { target: string; confirmed: boolean; reason?: string; found?: object[] }[]
}

let on: TestSystem
beforeAll(async () => {
  on = await startTestSystem()
}, 120_000)
afterAll(() => on?.remove())

async function ask<Answered>(method: string, visitor: string, site = 'shop') {
  const { hubUrl, secrets } = on.system
  const headers = { authorization: `Bearer ${secrets.adminToken}` }
  const path = `/v1/visitors/${encodeURIComponent(visitor)}?site=${site}`
  const response = await fetch(hubUrl + path, { method, headers })
  return { status: response.status, body: (await response.json()) as Answered }
}

async function told(visitor: string, site?: string): Promise<Told> {
  return (await ask<Told>('GET', visitor, site)).body
}

/** How many events the store has, and whether the POP knows the visitor. */
async function seen(visitor: string, site?: string) {
  const { stored, pops } = await told(visitor, site)
  return { events: stored.events?.length, known: pops[0]?.known }
}

/** A visit, until all of it is in the store. */
async function visit(id: string, site: 'shop' | 'other' = 'shop'): Promise<string> {
  await on.decide(site, id, [viewOf(id, 'lamp')])
  await on.post(site, [{ ...viewOf(id, 'lamp'), type: 'purchase' }])
  await vi.waitFor(async () => {
    const { stored } = await told(`a:${id}`, site)
    expect([stored.events, stored.decisions, stored.refusals].map((rows) => rows?.length)).toEqual([
      1, 1, 1,
    ])
  }, patience)
  return `a:${id}`
}

/** The rows of the POP's files that hold a text, by table. The POP must not be running. */
function rowsOnDisk(text: string): string[] {
  const directory = join(on.dataDir, 'pop')
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((file) => join(directory, file))
    .filter((file) => file.endsWith('.sqlite') && statSync(file).isFile())
  expect(files.length).toBeGreaterThan(0)
  return files.flatMap((file) => {
    const database = new DatabaseSync(file, { readOnly: true })
    const named = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all()
    const found = named.flatMap(({ name }) => {
      const rows = database.prepare(`SELECT * FROM "${name}"`)
      rows.setReadBigInts(true)
      return rows.all().flatMap((row) => (holds(row, text) ? [String(name)] : []))
    })
    database.close()
    return found
  })
}

function holds(row: Record<string, unknown>, text: string): boolean {
  return Object.values(row).some((value) => {
    const readable = value instanceof Uint8Array ? Buffer.from(value).toString() : String(value)
    return readable.includes(text)
  })
}

describe('one visitor', { timeout: 180_000 }, () => {
  it('is found by an export, and after an erasure nowhere; the others stay', async () => {
    const visitor = await visit('leaves')
    const others = [
      [await visit('stays'), 'shop'],
      [await visit('leaves', 'other'), 'other'],
    ] as const
    expect(await seen(visitor)).toEqual({ events: 1, known: true })
    const { status, body } = await ask<State>('DELETE', visitor)
    expect({ status, ...body }).toMatchObject({ status: 200, complete: true, found: true })
    expect(body.targets.at(-1)?.found).toEqual([
      { events: 1, decisions: 1, dead_letters: 0, refusals: 1 },
    ])
    expect(await told(visitor)).toMatchObject({
      stored: { events: [], decisions: [], dead_letters: [], refusals: [] },
      pops: [{ known: false, batches: [] }],
    })
    for (const [other, site] of others) {
      expect(await seen(other, site)).toEqual({ events: 1, known: true })
    }
    await on.system.stopPop()
    expect(rowsOnDisk('a:stays')).toEqual(['visitors'])
    // The namesake of the other site, and nobody else.
    expect(rowsOnDisk('a:leaves')).toEqual(['visitors'])
    await on.system.startPop()
  })

  it('nobody knows is an answer', async () => {
    const { status, body } = await ask<State>('DELETE', 'u:nobody')
    expect({ status, ...body }).toMatchObject({ status: 200, complete: true, found: false })
  })

  it('does not come back out of an outbox that waited for the hub, and may come again', async () => {
    const visitor = await visit('returns')
    await on.system.stopHub()
    await on.post('shop', [viewOf('returns', 'waits in the outbox'), viewOf('near it', 'lamp')])
    await on.system.stopPop()
    await on.system.startHub()
    const first = await ask<State>('DELETE', visitor)
    expect(first.status).toBe(202)
    expect(first.body.targets).toMatchObject([
      { target: on.system.popUrl, confirmed: false, reason: expect.stringMatching(/./) },
      { target: 'store', confirmed: true },
    ])
    // What is still to be done outlives the hub.
    await on.system.stopHub()
    await on.system.startHub()
    // The POP has its outbox forwarded before it hears of the order, or after: neither may matter.
    await on.system.startPop()
    await vi.waitFor(async () => {
      const { erasures } = await told(visitor)
      expect(erasures).toMatchObject([{ complete: true }])
      expect(await seen('a:near it')).toEqual({ events: 1, known: true })
    }, patience)
    expect(await seen(visitor)).toEqual({ events: 0, known: false })
    await on.post('shop', [viewOf('returns', 'a new life')])
    await vi.waitFor(
      async () => expect(await seen(visitor)).toEqual({ events: 1, known: true }),
      patience,
    )
    expect(
      await on.count("SELECT count() FROM events WHERE has(items, 'waits in the outbox')"),
    ).toBe(0)
  })
})
