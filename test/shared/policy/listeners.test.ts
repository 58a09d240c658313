import { expect, test } from 'vitest'
import { compilePolicy } from '#shared/policy/compile.ts'
import type { Placement } from '#shared/policy.ts'
import { policyOfOne } from '#test/support/placement.ts'

const heardBy = (on?: string[]) => {
  const ward: Placement = {
    ...{ kind: 'alert', event: { pulse: 'double' }, acknowledgedBy: 'Alarm Acknowledged' },
    ...(on && { on }),
    levels: [{ severity: 'high', on: 'event.pulse > 110.0' }],
  }
  return [...compilePolicy(policyOfOne(ward), []).listeners]
}

test('an alert that listens to events listens to its acknowledgement too, and once', () => {
  const both = [
    ['Pulse', ['home']],
    ['Alarm Acknowledged', ['home']],
  ]
  expect(heardBy(['Pulse'])).toEqual(both)
  expect(heardBy(['Pulse', 'Alarm Acknowledged'])).toEqual(both)
})

test('an alert that is only asked listens to nothing', () => {
  expect(heardBy()).toEqual([])
})
