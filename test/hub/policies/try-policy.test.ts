import { describe, expect, it } from 'vitest'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { readQuestions, tryQuestion } from '#hub/policies/try-policy.ts'

const parsed = parsePolicy(`
experiments: { half: { variants: { one: 1, two: 1 } } }
placements:
  group:
    kind: segment
    otherwise: two
    segments: [{ name: one, when: variant.half == "one" }]
`)

function segmentOf(who: string) {
  if (!parsed.ok) throw new Error('the policy is wrong')
  const [question] = readQuestions(`{ placement: group, ${who} }`)
  if (!question) throw new Error('there is no question')
  return tryQuestion(parsed.policy, question).answer.segment
}

describe('who asks in a question of a file', () => {
  it('is named as a question to a POP names them, or by the key of the visitor', () => {
    const segments = Array.from({ length: 20 }, (_, at) => {
      const byKey = segmentOf(`visitor: "a:${at}"`)
      expect(segmentOf(`anonymousId: "${at}"`)).toBe(byKey)
      // A device that is known has the state, whoever uses it.
      expect(segmentOf(`anonymousId: "${at}", userId: somebody`)).toBe(byKey)
      expect(segmentOf(`userId: "${at}"`)).toBe(segmentOf(`visitor: "u:${at}"`))
      return byKey
    })
    expect(new Set(segments)).toEqual(new Set(['one', 'two']))
  })

  it('is said once, and in text', () => {
    expect(() => segmentOf('anonymousId: me, visitor: "a:me"')).toThrow(
      '0 must say once who asks: by anonymousId and userId, or by visitor',
    )
    expect(() => segmentOf('anonymousId: 5')).toThrow('0.anonymousId must be text, not 5')
  })
})
