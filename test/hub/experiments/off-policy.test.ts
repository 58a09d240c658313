import { describe, expect, it } from 'vitest'
import {
  doublyRobustValue,
  inversePropensityValue,
  type LoggedChoice,
} from '#hub/experiments/off-policy.ts'
import { seededRandom } from '#hub/synthetic/random.ts'

const rates = { bags: 0.1, socks: 0.3, hats: 0.2 } as const
const arms = ['bags', 'socks', 'hats'] as const
const logging = { bags: 0.6, socks: 0.1, hats: 0.3 } as const
const target = { bags: 0, socks: 0.7, hats: 0.3 } as const
/** What the target earns: 0.7 × 0.3 + 0.3 × 0.2. */
const truth = 0.27

function logged(total: number, seed: number, modelled = (rate: number) => rate): LoggedChoice[] {
  const random = seededRandom(seed)
  const expectedOfTarget = arms.reduce((sum, arm) => sum + target[arm] * modelled(rates[arm]), 0)
  return Array.from({ length: total }, () => {
    const drawn = random.unit()
    const arm = drawn < 0.6 ? 'bags' : drawn < 0.7 ? 'socks' : 'hats'
    return {
      propensity: logging[arm],
      targetProbability: target[arm],
      reward: random.chance(rates[arm]) ? 1 : 0,
      expectedOfChoice: modelled(rates[arm]),
      expectedOfTarget,
    }
  })
}

describe('the value of a policy that was never live', () => {
  const choices = logged(50_000, 1)

  it.each([
    ['by inverse propensity', inversePropensityValue],
    ['doubly robust', doublyRobustValue],
  ])('%s is found within its error', (_how, estimated) => {
    const { value, standardError, effectiveDecisions } = estimated(choices)
    expect(Math.abs(value - truth)).toBeLessThan(3 * standardError)
    // E[w]² / E[w²] is 1 / (0.7² / 0.1 + 0.3² / 0.3).
    expect(effectiveDecisions / choices.length).toBeCloseTo(1 / 5.2, 1)
  })

  it('varies less with a model of rewards, and is right with a wrong one too', () => {
    const robust = doublyRobustValue(choices)
    expect(robust.standardError).toBeLessThan(inversePropensityValue(choices).standardError)
    const misled = doublyRobustValue(logged(50_000, 2, () => 0.5))
    expect(Math.abs(misled.value - truth)).toBeLessThan(3 * misled.standardError)
  })

  it('is that of the log where the policy is the same', () => {
    const same = choices.map((choice) => ({ ...choice, targetProbability: choice.propensity }))
    const rewards = same.reduce((sum, { reward }) => sum + reward, 0)
    expect(inversePropensityValue(same).value).toBeCloseTo(rewards / same.length, 12)
  })

  it('is not told of nothing, nor of what chance never chose', () => {
    expect(() => inversePropensityValue([])).toThrow(/two decisions/)
    const never = choices.slice(0, 5).map((choice) => ({ ...choice, propensity: 0 }))
    expect(() => inversePropensityValue(never)).toThrow(/above 0/)
  })
})
