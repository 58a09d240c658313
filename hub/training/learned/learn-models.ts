import type { DemandLearning, Learning, RowLearning, StreamLearning } from '#shared/learning.ts'
import { limits } from '#shared/limits.ts'
import type { ForecastDeclaration, TabularModel } from '#shared/model.ts'
import type { Policy } from '#shared/policy.ts'
import type { ReleaseParts } from '#shared/release.ts'
import { windowReading } from '#shared/stream/forecast.ts'
import type { Environment } from '../../environment.ts'
import type { ReliabilityBin } from '../../evaluation/classification.ts'
import { learnInProcess } from './learn-in-process.ts'
import { type Heard, readHistories } from './read-histories.ts'
import { readPrices } from './read-prices.ts'
import { readStreams } from './read-streams.ts'
import type { LiveSegments } from './train-segments.ts'

/** How the learning of one model ended; where it is not `learned` the last good one stays, or there is none. */
export interface LearnedModel {
  readonly name: string
  readonly outcome: 'learned' | 'too_little' | 'not_better' | 'failed'
  /** A sentence for people. */
  readonly reason: string
  readonly figures: Readonly<Record<string, number>>
}

/** Models that a policy has learned, by their names, and how each ended. */
export interface LearnedModels {
  readonly declared: Readonly<Record<string, TabularModel | ForecastDeclaration>>
  readonly bytes: Readonly<Record<string, Uint8Array>>
  readonly reports: readonly LearnedModel[]
  /** For people, in the manifest. */
  readonly told: Readonly<Record<string, string | number>>
}

/** Learns every model that a policy states, one after the other. None of them keeps the others from being learned. */
export async function learnModels(
  site: string,
  policy: Policy,
  heard: Heard,
  before: ReleaseParts | null,
  environment: Environment,
  report: (line: string) => void = () => undefined,
): Promise<LearnedModels> {
  const learned = []
  for (const [name, learning] of Object.entries(policy.models ?? {})) {
    report(`learning ${name}`)
    learned.push(await learnModel(site, name, learning, policy, heard, before, environment))
  }
  const made = learned.filter(({ model }) => model !== null)
  return {
    declared: Object.fromEntries(made.map(({ report, model }) => [report.name, model?.declared])),
    bytes: Object.fromEntries(made.map(({ report, model }) => [report.name, model?.bytes])),
    reports: learned.map(({ report }) => report),
    told: Object.assign({}, ...learned.map(({ told }) => told)),
  } as LearnedModels
}

async function learnModel(
  site: string,
  name: string,
  learning: Learning,
  policy: Policy,
  heard: Heard,
  before: ReleaseParts | null,
  environment: Environment,
) {
  const { logger, metrics, now } = environment
  const startedAt = now()
  const end = (ended: Omit<LearnedModel, 'name'>) => {
    metrics.learnedModels.inc({ outcome: ended.outcome })
    const learnSeconds = (now() - startedAt) / 1_000
    const report = { name, ...ended, figures: { ...ended.figures, learnSeconds } }
    logger.info({ site, ...report }, `learning ${name}: ${report.outcome}`)
    return report
  }
  const learnFrom = (learning: Learning) => {
    switch (learning.learns) {
      case 'stream':
        return learnStream(site, learning, heard, environment)
      case 'demand':
        return learnDemand(site, learning, heard, environment)
      default:
        return learnRows(site, name, learning, policy, heard, before, environment)
    }
  }
  try {
    const { trained, visitors, declared } = await learnFrom(learning)
    const { outcome, reason, family, bytes, reliability } = trained
    const report = end({ outcome, reason, figures: { ...trained.figures, visitors } })
    const told = toldOf(report, { ...(family && { family }), ...toldReliability(reliability) })
    return { report, told, model: bytes === null ? null : { declared, bytes } }
  } catch (cause) {
    // A store that cannot answer, or a model past its bounds, is no reason for the rest to stand still.
    const report = end({ outcome: 'failed', reason: String(cause), figures: {} })
    return { report, told: toldOf(report, {}), model: null }
  }
}

async function learnRows(
  site: string,
  name: string,
  learning: RowLearning,
  { timeZone, placements, context }: Policy,
  heard: Heard,
  before: ReleaseParts | null,
  { store, config }: Environment,
) {
  const asked = Object.values(placements).filter(({ model }) => model === name)
  const isTriggered = asked.length > 0 && asked.every(({ on }) => on !== undefined)
  const { visitors, pages } = await readHistories(store, site, learning, heard)
  const trained = await learnInProcess({
    asking: {
      ...{ learning, heardUntil: heard.untilMs, timeZone },
      idleMsMax: config.sessionIdleMsMax.get(site) ?? limits.sessionIdleMsDefault,
      declared: isTriggered ? context : null,
    },
    ...{ live: liveSegments(name, learning, before), pages },
  })
  const { features } = learning
  const { segments } = trained
  const declared: TabularModel = {
    ...{ family: 'tabular', inputs: ['features'], outputs: ['score'], features, scoreAt: 0 },
    ...(segments && { segments: [...segments] }),
  }
  return { trained, visitors, declared }
}

async function learnStream(
  site: string,
  learning: StreamLearning,
  heard: Heard,
  { store }: Environment,
) {
  const { visitors, pages } = await readStreams(store, site, learning, heard)
  const trained = await learnInProcess({ learns: 'stream', pages })
  const declared: ForecastDeclaration = {
    ...{ family: 'forecast', inputs: ['window'], outputs: ['foretold'] },
    ...{ from: learning.from, reading: windowReading },
  }
  return { trained, visitors, declared }
}

async function learnDemand(
  site: string,
  learning: DemandLearning,
  heard: Heard,
  { store }: Environment,
) {
  const { visitors, pages } = await readPrices(store, site, learning, heard)
  const asking = { learning, heardUntil: heard.untilMs }
  const trained = await learnInProcess({ learns: 'demand', asking, pages })
  const { features } = learning
  const declared: TabularModel = {
    ...{ family: 'tabular', inputs: ['features'], outputs: ['score'], features, scoreAt: 0 },
  }
  return { trained, visitors, declared }
}

/** What is live under this name, where it was learned from the same features: else its numbers mean something else. */
function liveSegments(
  name: string,
  { features }: RowLearning,
  live: ReleaseParts | null,
): LiveSegments | null {
  const declared = live?.manifest.models[name]
  const bytes = live?.models[name]
  if (declared?.family !== 'tabular' || declared.segments === undefined || !bytes) return null
  const isSame = JSON.stringify(declared.features) === JSON.stringify(features)
  return isSame ? { bytes, segments: declared.segments } : null
}

/** As the manifest has it: `will-buy.prAuc` and the like. */
function toldOf({ name, outcome, reason, figures }: LearnedModel, more: Record<string, string>) {
  const all = { outcome, reason, ...more, ...figures }
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [`${name}.${key}`, value]))
}

/** What was said and what happened, by tenths of the scores: `0.012 0.010, 0.034 0.037, …`. */
function toldReliability(bins: readonly ReliabilityBin[]): Record<string, string> {
  if (bins.length === 0) return {}
  const told = bins.map(({ score, happened }) => `${score.toFixed(4)} ${happened.toFixed(4)}`)
  return { reliability: told.join(', ') }
}
