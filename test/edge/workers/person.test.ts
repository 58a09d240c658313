import { afterEach, describe, expect, it } from 'vitest'
import type { Policy } from '#shared/policy.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { packAndPush } from './hub-side.ts'
import { forgetEverything, send, sendBatch } from './pop.ts'

afterEach(forgetEverything)

const placements: Policy['placements'] = {
  till: {
    ...{ kind: 'offer', on: ['Card Shown'] },
    offers: [
      { name: 'three', when: 'session.views == 3 && totals.views1h == 3', terms: {} },
      { name: 'one', when: 'session.views == 1 && totals.views1h == 1', terms: {} },
      { name: 'none', terms: {} },
    ],
  },
}
const release = smallRelease({ sessions: [[0, 1, 2]], itemsTotal: 3 })
const push = () => packAndPush({ ...release, policy: { ...release.policy, placements } })

let sent = 0
function event(changes: Record<string, unknown>) {
  const timestamp = new Date().toISOString()
  return rawEvent({ messageId: `person-${++sent}`, timestamp, ...changes })
}
const view = (device: string, changes: object = {}) => event({ anonymousId: device, ...changes })
const ofUser = (type: string, userId: string, changes: object) =>
  event({ type, event: undefined, userId, anonymousId: undefined, ...changes })

async function atTill(userId: string): Promise<string> {
  const card = event({ anonymousId: undefined, userId, event: 'Card Shown', properties: {} })
  const { body } = await sendBatch([card])
  const [decision] = body.decisions as { readonly answer: { readonly offer: string } }[]
  return decision?.answer.offer ?? ''
}

// An isolate remembers for an hour whom it has written down, though the tests forget it: a user a test.
describe('a user', () => {
  it('is one visitor on the web, in the app and at the till, by identify and alias', async () => {
    await push()
    await sendBatch([view('web'), view('web'), view('app')])
    expect(await atTill('ada')).toBe('none')
    await sendBatch([ofUser('identify', 'ada', { anonymousId: 'app' })])
    expect(await atTill('ada')).toBe('one')
    const alias = ofUser('alias', 'ada', { previousId: 'web' })
    await sendBatch([alias])
    expect(await atTill('ada')).toBe('three')
    // What is sent again counts nothing twice.
    await sendBatch([alias])
    expect(await atTill('ada')).toBe('three')
  })

  it('is asked for by a device that names it, and not by one that does not', async () => {
    await push()
    await sendBatch([
      view('web'),
      view('web'),
      view('app'),
      ofUser('alias', 'bea', { previousId: 'web' }),
    ])
    const ask = async (userId?: string) => {
      const { body } = await send('/v1/decide', { anonymousId: 'app', userId, placement: 'till' })
      return (body.answer as { readonly offer: string }).offer
    }
    expect(await ask()).toBe('one')
    expect(await ask('bea')).toBe('three')
    expect(await ask('bob')).toBe('one')
  })

  it('is joined by any event of a device that names it', async () => {
    await push()
    await sendBatch([view('app', { userId: 'cid' })])
    expect(await atTill('cid')).toBe('one')
  })
})
