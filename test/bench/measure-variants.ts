import type { SessionKnnSettings } from '#shared/session-knn.ts'

/** A weight decay of "never": every place or step counts alike. */
const never = 1e6

/** The default with one idea taken out or one put in; the table of models/README.md. */
export const variants: Record<string, Partial<SessionKnnSettings>> = {
  'without rules': { ruleWeight: 0 },
  'rules of one step only': { ruleHopWeight: 0 },
  'second step at 0.3': { ruleHopWeight: 0.3 },
  'rules forward only': { ruleBackwardWeight: 0 },
  'without boost of seen items': { seenBoost: 1 },
  'without decay around the shared item': { neighbourDecaySteps: never },
  'without age of sessions': { sessionHalfLifeDays: never, ruleHalfLifeDays: never },
  'without decay over the window': { windowDecayItems: never },
  'without vote by place of the match': { matchDecayItems: never },
  'without idf': { windowIdfExponent: 0, candidateIdfExponent: 0 },
  'window of 4 items': { sessionItemsMax: 4 },
  'window of 9 items': { sessionItemsMax: 9 },
  '50 neighbours': { neighboursMax: 50 },
  '1,000 neighbours of 2,000': { neighboursMax: 1000, sampleSessionsMax: 2000 },
  '10 rules an item': { rulesPerItemMax: 10 },
  '200 rules an item': { rulesPerItemMax: 200 },
  'neighbours alone (no rules, no boost)': { ruleWeight: 0, seenBoost: 1 },
}
