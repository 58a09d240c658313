import { expect, test } from 'vitest'
import { runCase } from './run-case.ts'

const options = { seeds: [1, 2], events: 200, isShort: true, say: () => undefined }
// Hub and POP have to start, on a machine that may be busy; events that do not come are awaited longer than this.
const timeMaxMs = 120_000

test('a fault that cannot be brought about ends its case at once, with the reason', {
  timeout: timeMaxMs,
}, async () => {
  const fault = async () => {
    throw new Error('the broker did not listen')
  }
  const set = () => ({ fault })
  const results = await runCase({ name: 'broken', what: 'It breaks.', set }, options)
  expect(results).toMatchObject([{ seed: 1, failure: 'the broker did not listen' }])
})
