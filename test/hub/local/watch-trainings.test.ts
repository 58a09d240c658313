import { expect, it } from 'vitest'
import { watchTrainings } from '#hub/local/watch-trainings.ts'

const startedAt = Date.UTC(2026, 0, 5, 12)
const training = (outcome: string | null, reason = '', minutes = 1) => ({
  at: new Date(startedAt + minutes * 60_000).toISOString(),
  end: outcome === null ? null : { outcome: outcome as 'refused', reason },
})

it('tells why a training came to no release, once until another one did, and nothing of an earlier run', async () => {
  const stop = new AbortController()
  const answers = [
    [training('refused', 'of yesterday', -1_000)],
    [training('too_little', 'few sessions')],
    [training('refused', 'the policy is wrong')],
    [training(null), training('refused', 'the policy is wrong')],
    'no hub',
    [training('refused', 'the policy is wrong')],
    [training('published', 'better')],
    [training('refused', 'the policy is wrong')],
    [training('failed', 'the store is away')],
  ] as const
  const told: string[] = []
  let asked = 0
  await watchTrainings({
    list: async () => {
      const answer = answers[asked++]
      if (answer === undefined) stop.abort()
      if (answer === 'no hub') throw new Error(answer)
      return answer ?? []
    },
    onRefused: (reason) => told.push(reason),
    ...{ sinceMs: startedAt, everyMs: 0, signal: stop.signal },
  })
  expect(told).toEqual(['the policy is wrong', 'the policy is wrong', 'the store is away'])
})
