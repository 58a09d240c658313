import { quantile } from 'simple-statistics'
import { recommend } from '#hub/evaluation/predict.ts'
import { modelBytesFor } from '#hub/training/model-bytes.ts'
import { popularityOf, type TrainedModel, trainModel } from '#hub/training/train-model.ts'
import type { Popularity } from '#models/popularity/popularity.ts'
import { defaultPolicy } from '#shared/policy.ts'
import { packRelease } from '#shared/release.ts'
import { indexFromModel, sessionScorer } from '#shared/session-knn.ts'
import type { NumberedSessions } from './collect-sessions.ts'
import { qualityFigures, type Replayed, replayLength } from './replay-figures.ts'
import type { FileQuestion } from './session-lines.ts'

const tellEvery = 5_000

export interface OfflineReplay {
  readonly sessions: NumberedSessions
  readonly questions: readonly FileQuestion[]
  readonly includesCurrent: boolean
  readonly say: (sentence: string) => void
}

/** Trains as the hub does and answers as a POP does, in this process and without HTTP. */
export async function replayOffline({ sessions, questions, includesCurrent, say }: OfflineReplay) {
  const startedAt = performance.now()
  const ids = [...sessions.numbers.keys()]
  const modelBytesMax = modelBytesFor(ids.map((id) => ({ id })))
  const trained = await trainModel(sessions.training, {
    ...{ modelBytesMax, includesCurrent, report: say },
  })
  const popularity = popularityOf(sessions.training)
  const releaseBytes = await packedBytes(trained, popularity, ids)
  const trainSeconds = (performance.now() - startedAt) / 1_000
  say(`trained, a release of ${releaseBytes} bytes: ${trained.verdict.reason}`)
  const { replayed, timesMs } = answerAll(trained, popularity, ids, {
    sessions,
    questions,
    includesCurrent,
    say,
  })
  return {
    replayed,
    settings: trained.tuning.settings,
    figures: {
      ...qualityFigures(replayed, ids.length),
      predictP50Ms: quantile(timesMs, 0.5),
      predictP99Ms: quantile(timesMs, 0.99),
      releaseBytes,
      trainSeconds,
      tuningTrials: trained.tuning.trials,
      tunedHitRate20: trained.tuning.after.hitRate20,
      tunedMrr20: trained.tuning.after.mrr20,
      peakMb: process.resourceUsage().maxRSS / 1024,
    },
  }
}

function answerAll(
  { model }: TrainedModel,
  popularity: Popularity,
  ids: readonly string[],
  { sessions, questions, includesCurrent, say }: OfflineReplay,
) {
  const how = {
    score: sessionScorer(indexFromModel(model)),
    popular: popularity.items,
    ...{ length: replayLength, includesCurrent },
  }
  const numberOf = (id: string | undefined) => sessions.numbers.get(id ?? '') ?? -1
  const timesMs: number[] = []
  const replayed = questions.map(({ sessionId, seen, next }, at): Replayed => {
    if (at > 0 && at % tellEvery === 0) say(`${at} of ${questions.length} answered`)
    const askedAt = performance.now()
    const known = Int32Array.from(seen, numberOf).filter((item) => item >= 0)
    const found = recommend({ seen: known, current: numberOf(seen.at(-1)) }, how)
    timesMs.push(performance.now() - askedAt)
    return { sessionId, recommended: found.map((number) => ids[number] as string), next }
  })
  return { replayed, timesMs }
}

/** What the release would weigh that a POP takes: the model, and a catalogue of ids. Throws where it is too large. */
async function packedBytes(
  trained: TrainedModel,
  popularity: Popularity,
  ids: readonly string[],
): Promise<number> {
  const { model, itemsMax, tuning } = trained
  const release = await packRelease({
    manifest: {
      format: 3,
      site: 'replay',
      createdAt: new Date(0).toISOString(),
      models: {
        'session-knn': {
          ...{ family: 'session-knn', inputs: ['session'], outputs: ['items', 'scores'], itemsMax },
        },
      },
      training: { trials: tuning.trials },
    },
    policy: defaultPolicy,
    catalogue: { items: ids.map((id) => ({ id })) },
    popularity: Array.from(popularity.items, (number, at) => ({
      id: ids[number] as string,
      score: popularity.scores[at] as number,
    })),
    models: { 'session-knn': model },
  })
  return release.bytes.length
}
