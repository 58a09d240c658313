import { buildPopularity, type Popularity } from '#models/popularity/popularity.ts'
import { buildModel } from '#models/session-knn/graph.ts'
import { defaultSessionKnnSettings } from '#models/session-knn/settings.ts'
import { buildIndex, type TrainingSessions } from '#models/session-knn/train.ts'
import { checkModel } from './check-model.ts'
import { judge, newest, split, type Verdict } from './judge.ts'

/** How many of the newest sessions both scorers have to agree on. */
const sessionsChecked = 50
const popularitySettings = { halfLifeDays: 7, itemsMax: 100 } as const

export interface TrainedModel {
  readonly model: Uint8Array
  readonly itemsMax: number
  readonly popularity: Popularity
  readonly verdict: Verdict
}

/**
 * Builds a model and judges it: one built without the newest sessions against those sessions, then the
 * one to release from all of them, checked in the runtime that will serve it. Same sessions, same bytes.
 */
export async function trainModel(sessions: TrainingSessions): Promise<TrainedModel> {
  const settings = defaultSessionKnnSettings
  const { earlier, heldBack } = split(sessions)
  const verdict = judge(buildIndex(earlier, settings), popularityOf(earlier), heldBack)
  const index = buildIndex(sessions, settings)
  const model = buildModel(index)
  await checkModel(model, index, newest(sessions, sessionsChecked))
  return {
    model,
    itemsMax: settings.sessionItemsMax,
    popularity: popularityOf(sessions),
    verdict,
  }
}

function popularityOf(sessions: TrainingSessions): Popularity {
  const nowMs = sessions.sessionEndsAtMs.at(-1) ?? 0
  return buildPopularity(sessions, { nowMs, ...popularitySettings })
}
