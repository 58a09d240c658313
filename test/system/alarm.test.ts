import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { pushRelease } from '#hub/publishing/push.ts'
import type { Placement } from '#shared/policy.ts'
import { packRelease } from '#shared/release.ts'
import { type BoxPop, startBoxPop } from '#test/support/box-pop.ts'
import { releasePrivateKeyHex } from '#test/support/keys.ts'
import { smallRelease } from '#test/support/release.ts'
import { streamBlocks, textReader } from '#test/support/stream-blocks.ts'

// A POP in workerd, its state on disk. There is no hub, and nothing answers where one is looked for.

const escalateMs = 2_000
const bed: Placement = {
  ...{ kind: 'alert', on: ['Pulse Measured'], event: { pulse: 'double' } },
  levels: [{ severity: 'critical', on: 'event.pulse > 150.0', escalateMs }],
}
const release = smallRelease({ sessions: [[0, 1, 2]], itemsTotal: 3 })

let directory: string
let pop: BoxPop
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shelfedge-alarm-'))
  pop = await startBoxPop(directory)
  const policy = { ...release.policy, placements: { bed } }
  const { digest, bytes } = await packRelease({ ...release, policy })
  const der = Buffer.from(releasePrivateKeyHex, 'hex')
  const key = await crypto.subtle.importKey('pkcs8', der, { name: 'Ed25519' }, false, ['sign'])
  await pushRelease(
    pop.url,
    'demo',
    { digest, bytes: async () => bytes, use: 'live' },
    { key, now: () => Date.now(), newId: () => crypto.randomUUID() },
  )
}, 120_000)
afterAll(async () => {
  await pop?.stop()
  await rm(directory, { recursive: true, force: true })
})

interface Told {
  readonly id: string
  readonly at: number
  readonly answer: Readonly<Record<string, unknown>>
}

/** The first decisions that a stream tells after an event, or from now on. */
async function stream(after: string | null) {
  const response = await fetch(`${pop.url}/v1/stream?writeKey=demo&anonymousId=bed-1`, {
    headers: after === null ? {} : { 'last-event-id': after },
  })
  const body = response.body as ReadableStream<Uint8Array>
  const reader = textReader(body)
  const blocks = streamBlocks(reader)
  const found: Told[] = []
  return {
    async told(wanted: number): Promise<Told[]> {
      while (found.length < wanted) {
        const { value, done } = await blocks.next()
        if (done) throw new Error(`the stream ended after ${found.length} decisions`)
        const { id = '', event, data = '' } = value
        if (event === 'decision') found.push({ id, ...JSON.parse(data) })
      }
      return found
    },
    close: () => reader.cancel(),
  }
}

it('an alert is told by the clock though its POP was killed after the last reading', async () => {
  const first = await stream(null)
  const reading = {
    ...{ type: 'track', event: 'Pulse Measured', messageId: 'm-1', anonymousId: 'bed-1' },
    properties: { pulse: 160 },
  }
  const headers = { authorization: `Basic ${btoa('demo:')}` }
  const body = JSON.stringify({ batch: [reading] })
  expect((await fetch(`${pop.url}/v1/batch`, { method: 'POST', headers, body })).ok).toBe(true)
  const [raised] = (await first.told(1)) as [Told]
  expect(raised.answer).toMatchObject({ severity: 'critical', notify: true, escalation: 0 })
  await first.close()
  await pop.kill()
  pop = await startBoxPop(directory)
  const second = await stream(raised.id)
  const told = (await second.told(2)).slice(0, 2)
  await second.close()
  expect(told.map(({ answer }) => answer)).toMatchObject(
    [1, 2].map((escalation) => ({ notify: true, by: 'clock', escalation })),
  )
  expect(told[0]?.at).toBeGreaterThanOrEqual(raised.at + escalateMs)
})
