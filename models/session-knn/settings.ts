import type { SessionKnnSettings } from '#shared/session-knn.ts'

/**
 * Found with `npm run tune -- --train train.txt --valid valid.txt --trials 200 --seed 1` on
 * clicks-serenade, rounded where neighbouring values measured the same; test.txt was never tuned on.
 */
export const defaultSessionKnnSettings: SessionKnnSettings = {
  sessionItemsMax: 20,
  sampleSessionsMax: 1000,
  neighboursMax: 200,
  candidatesMax: 100,
  windowDecayItems: 2,
  matchDecayItems: 5,
  neighbourDecaySteps: 0.7,
  sessionHalfLifeDays: 14,
  windowIdfExponent: 1,
  candidateIdfExponent: 0.5,
  ruleWeight: 0.3,
  ruleStepsMax: 5,
  ruleDistanceExponent: 2,
  ruleHalfLifeDays: 30,
  ruleBackwardWeight: 1,
  rulesPerItemMax: 50,
  ruleItemsMax: 4,
  ruleDiscount: 0.35,
  seenBoost: 12,
  modelBytesMax: 8_000_000,
}
