import { expect, test } from 'vitest'
import { triggersOf } from '#edge/triggers.ts'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { limits } from '#shared/limits.ts'
import { compilePolicy } from '#shared/policy/compile.ts'
import { readEvent } from '#shared/read-event.ts'

const at = Date.UTC(2026, 10, 25)
const parsed = parsePolicy(`
placements:
  now: { kind: verdict, on: [Payment] }
  history: { kind: verdict, on: [Payment], onAgeMsMax: ${limits.triggerAgeMsDeclaredMax} }
`)
const policy = parsed.ok ? compilePolicy(parsed.policy, []) : null

function payment(messageId: string, timestamp: number) {
  const raw = { type: 'track', event: 'Payment', messageId, anonymousId: 'me', timestamp }
  const read = readEvent(
    { ...raw, timestamp: new Date(timestamp).toISOString() },
    { receivedAt: at },
  )
  if (!read.ok) throw new Error(read.refusal.detail)
  return read.value
}

test('an event of long ago sets off what asks for history, and nothing else', () => {
  if (policy === null) throw new Error('the policy is wrong')
  const events = [
    payment('ancient', at - limits.triggerAgeMsDeclaredMax - 1),
    payment('old', at - limits.triggerAgeMsMax - 1),
    payment('new', at - limits.triggerAgeMsMax),
  ]
  const found = triggersOf(events, policy, at)
  expect(found.map(({ event, placements }) => [event.messageId, placements])).toEqual([
    ['old', ['history']],
    ['new', ['now', 'history']],
  ])
  // What set off nothing goes with the next that does: the order of the visitor holds.
  expect(found[0]?.events.map(({ messageId }) => messageId)).toEqual(['ancient', 'old'])
})
