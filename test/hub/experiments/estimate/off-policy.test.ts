import { describe, expect, it } from 'vitest'
import {
  doublyRobustValue,
  inversePropensityValue,
  type LoggedChoice,
  loggedValue,
  overlapOf,
  refusalOf,
  selfNormalisedValue,
} from '#hub/experiments/estimate/off-policy.ts'
import { seededRandom } from '#hub/synthetic/random.ts'

const rates = { bags: 0.1, socks: 0.3, hats: 0.2 } as const
const arms = ['bags', 'socks', 'hats'] as const
const logging = { bags: 0.6, socks: 0.1, hats: 0.3 } as const
const target = { bags: 0, socks: 0.7, hats: 0.3 } as const
/** What the target earns: 0.7 × 0.3 + 0.3 × 0.2. */
const truth = 0.27
/** What the log earns: 0.6 × 0.1 + 0.1 × 0.3 + 0.3 × 0.2. */
const loggedTruth = 0.15

function logged(total: number, seed: number, modelled = (rate: number) => rate): LoggedChoice[] {
  const random = seededRandom(seed)
  const expectedOfTarget = arms.reduce((sum, arm) => sum + target[arm] * modelled(rates[arm]), 0)
  return Array.from({ length: total }, (_, number) => {
    const drawn = random.unit()
    const arm = drawn < 0.6 ? 'bags' : drawn < 0.7 ? 'socks' : 'hats'
    return {
      visitor: `a:${number}`,
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
    ['self-normalised', selfNormalisedValue],
    ['doubly robust', doublyRobustValue],
  ])('%s is found within its error', (_how, estimated) => {
    const { value, low, high, difference } = estimated(choices)
    // Half as wide again as an interval of 95 %: three standard errors.
    expect(Math.abs(value - truth)).toBeLessThan(1.5 * ((high - low) / 2))
    const gain = truth - loggedTruth
    expect(difference.low - gain).toBeLessThan(0)
    expect(difference.high - gain).toBeGreaterThan(0)
  })

  it('varies less with a model of rewards, and is right with a wrong one too', () => {
    const width = ({ low, high }: { low: number; high: number }) => high - low
    const robust = doublyRobustValue(choices)
    expect(width(robust)).toBeLessThan(width(inversePropensityValue(choices)))
    const misled = doublyRobustValue(logged(50_000, 2, () => 0.5))
    expect(Math.abs(misled.value - truth)).toBeLessThan(0.75 * width(misled))
  })

  it('is as unsure as there are few visitors, whose decisions are alike', () => {
    const few = choices.map((choice, at) => ({
      ...choice,
      visitor: `a:${at % 1_000}`,
      reward: at % 2,
    }))
    const { low, high } = loggedValue(few)
    const alone = loggedValue(few.map((choice, at) => ({ ...choice, visitor: `a:${at}` })))
    // All of a visitor's are the same: fifty tell as much as one.
    expect((high - low) / (alone.high - alone.low)).toBeCloseTo(Math.sqrt(50), 1)
  })

  it('is worth what overlaps, and refused where too little does', () => {
    const overlap = overlapOf(choices)
    // E[w]² / E[w²] is 1 / (0.7² / 0.1 + 0.3² / 0.3).
    expect(overlap.effectiveDecisions / choices.length).toBeCloseTo(1 / 5.2, 1)
    expect(overlap.weightMean).toBeCloseTo(1, 1)
    expect(refusalOf(overlap)).toBeNull()
    expect(refusalOf(overlapOf(choices.slice(0, 200)))).toMatch(/^200 decisions .* 100 are needed/)
    const half = choices.map((choice, at) =>
      at % 2 ? choice : { ...choice, targetProbability: 0 },
    )
    expect(refusalOf(overlapOf(half))).toMatch(/only about (49|5\d) % of its choices/)
    expect(refusalOf(overlapOf([]))).toMatch(/^0 decisions/)
  })

  it('is that of the log where the policy is the same', () => {
    const same = choices.map((choice) => ({ ...choice, targetProbability: choice.propensity }))
    const rewards = same.reduce((sum, { reward }) => sum + reward, 0)
    expect(inversePropensityValue(same).value).toBeCloseTo(rewards / same.length, 12)
  })

  it('is not told of nothing, nor of what chance never chose', () => {
    expect(() => inversePropensityValue([])).toThrow(/two visitors/)
    const never = choices.slice(0, 5).map((choice) => ({ ...choice, propensity: 0 }))
    expect(() => inversePropensityValue(never)).toThrow(/above 0/)
  })
})
