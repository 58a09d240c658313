import { buildPopularity, type Popularity } from '#models/popularity/popularity.ts'
import { buildModel } from '#models/session-knn/graph.ts'
import { defaultSessionKnnSettings } from '#models/session-knn/settings.ts'
import { buildIndex, type TrainingSessions } from '#models/session-knn/train.ts'
import { checkModel } from './check-model.ts'
import { judge, split, type Verdict } from './judge.ts'
import { newest } from './split-sessions.ts'
import { type Tuning, type TuningOptions, tune } from './tune.ts'

/** How many of the newest sessions both scorers have to agree on. */
const sessionsChecked = 50
const popularitySettings = { halfLifeDays: 7, itemsMax: 100 } as const

export interface TrainedModel {
  readonly model: Uint8Array
  readonly itemsMax: number
  readonly verdict: Verdict
  readonly tuning: Tuning
}

/**
 * Searches the settings, judges a model built without the newest sessions against those sessions, then
 * builds the one to release from all of them and checks it in the runtime that will serve it. The search
 * sees no session that judges. Same sessions, same bytes.
 */
export async function trainModel(
  sessions: TrainingSessions,
  options: Partial<TuningOptions> = {},
): Promise<TrainedModel> {
  const asked = { ...defaultOptions, ...options }
  const { earlier, heldBack } = split(sessions)
  const tuning = tune(earlier, asked)
  const { settings } = tuning
  asked.report('judging')
  const verdict = judge(buildIndex(earlier, settings), popularityOf(earlier), heldBack)
  asked.report('building the model of all sessions')
  const index = buildIndex(sessions, settings)
  const model = buildModel(index)
  await checkModel(model, index, newest(sessions, sessionsChecked))
  const { sessionItemsMax: itemsMax } = settings
  return { model, itemsMax, verdict, tuning }
}

const defaultOptions: TuningOptions = {
  modelBytesMax: defaultSessionKnnSettings.modelBytesMax,
  includesCurrent: false,
  seed: 1,
  report: () => {},
}

/** What answers where the model has nothing to say, and beside what it is judged. */
export function popularityOf(sessions: TrainingSessions): Popularity {
  const nowMs = sessions.sessionEndsAtMs.at(-1) ?? 0
  return buildPopularity(sessions, { nowMs, ...popularitySettings })
}
