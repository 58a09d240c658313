import type { SessionKnnSettings } from '#shared/session-knn.ts'

/**
 * Where a search starts, and what a shop keeps that has too little to search on. Found on valid.txt of
 * clicks-serenade, in both of its orders; test.txt was never tuned on. `npm run measure -- --ablate` shows what each idea
 * is worth there: how many neighbours vote, for instance, hardly matters.
 */
export const defaultSessionKnnSettings: SessionKnnSettings = {
  sessionItemsMax: 20,
  sampleSessionsMax: 500,
  neighboursMax: 100,
  candidatesMax: 100,
  windowDecayItems: 1.5,
  matchDecayItems: 10,
  neighbourDecaySteps: 1,
  sessionHalfLifeDays: 30,
  windowIdfExponent: 1,
  candidateIdfExponent: 1,
  ruleWeight: 1.2,
  ruleStepsMax: 5,
  ruleDistanceExponent: 1.5,
  ruleHalfLifeDays: 30,
  ruleBackwardWeight: 1,
  ruleHopWeight: 1,
  rulesPerItemMax: 50,
  ruleItemsMax: 4,
  ruleDiscount: 0.5,
  seenBoost: 24,
  currentBoost: 1,
  sessionsShare: 0.6,
  modelBytesMax: 9_500_000,
}
