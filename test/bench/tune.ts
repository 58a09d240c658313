import { readFileSync, writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { hitRate, reciprocalRank } from '#hub/evaluation/metrics.ts'
import { readSessionFile } from '#hub/evaluation/session-file.ts'
import { machine } from '#hub/local/report.ts'
import { search, searchSpace } from '#hub/training/search.ts'
import { defaultSessionKnnSettings } from '#models/session-knn/settings.ts'
import { indexBuilder } from '#models/session-knn/train.ts'
import { type SessionKnnSettings, sessionScorer } from '#shared/session-knn.ts'
import {
  figuresOf,
  numberSessions,
  predict,
  questionsOf,
  recommendedLength,
} from './session-evaluation.ts'

const options = new Command('tune')
  .description('Searches session-knn settings on validation sessions. Never give it test data.')
  .requiredOption('--train <file>', 'tab-separated SessionId, ItemId, Time')
  .requiredOption('--valid <file>', 'the same, later sessions')
  .option('--trials <number>', 'settings to try', wholeNumber, 100)
  .option('--seed <number>', 'the same seed finds the same settings', wholeNumber, 1)
  .option('--json <file>', 'write the winner and its figures')
  .parse()
  .opts<{ train: string; valid: string; trials: number; seed: number; json?: string }>()

const startedAt = new Date().toISOString()
const { training, numbers } = numberSessions(sessionsIn(options.train, 'time'))
// Validation sessions are asked in file order and in time order. In clicks-serenade the two run
// against each other: what is best in both learned the shop and not the file.
const asked = (order: 'file' | 'time') => ({
  order,
  asked: questionsOf(sessionsIn(options.valid, order), numbers),
})
const questions = [asked('file'), asked('time')] as const

// In turns, so that any head of them has both orders.
const alternating = questions[0].asked.flatMap((one, at) => [
  one,
  ...questions[1].asked.slice(at, at + 1),
])
const indexFor = indexBuilder(training)
const winner = search({
  start: defaultSessionKnnSettings,
  space: searchSpace,
  trialsMax: options.trials,
  random: xoroshiro128plus(options.seed),
  measure: gainsFor,
  report: (trials, { gains }) => {
    const mean = gains.reduce((total, gain) => total + gain, 0) / gains.length
    console.log(`${trials} trials: HitRate + MRR ${mean.toFixed(4)}`)
  },
})
const figures = figuresFor(winner.settings)
console.table(figures)
console.table(pickSearched(winner.settings))
if (options.json !== undefined)
  writeFileSync(options.json, `${JSON.stringify(record(), null, 2)}\n`)

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a whole number is needed')
  return Number(text)
}

function sessionsIn(path: string, order: 'file' | 'time') {
  const { sessions, malformed } = readSessionFile(readFileSync(path, 'utf8'), order)
  if (malformed.length > 0) console.warn(`${path}: ${malformed.length} malformed rows left out`)
  return sessions
}

/** What every question of the first share gains, in either order. */
function gainsFor(settings: SessionKnnSettings, share: number): Float64Array {
  const made = predictionsOf(settings, alternating, share)
  const gain = (one: (typeof made)[number]) =>
    hitRate(one, recommendedLength) + reciprocalRank(one, recommendedLength)
  return Float64Array.from(made, gain)
}

/** Figures on all questions, named `order/metric`. */
function figuresFor(settings: SessionKnnSettings): Record<string, number> {
  const named = questions.flatMap(({ order, asked }) => {
    const predictions = predictionsOf(settings, asked, 1)
    const entries = Object.entries(figuresOf(predictions, training.itemsTotal))
    return entries.map(([name, value]) => [`${order}/${name}`, value])
  })
  return Object.fromEntries(named)
}

function predictionsOf(
  settings: SessionKnnSettings,
  asked: ReturnType<typeof questionsOf>,
  share: number,
) {
  const some = asked.slice(0, Math.ceil(asked.length * share))
  return predict(some, sessionScorer(indexFor(settings)))
}

function pickSearched(settings: SessionKnnSettings) {
  const names = Object.keys(searchSpace) as (keyof typeof searchSpace)[]
  return Object.fromEntries(names.map((name) => [name, settings[name]]))
}

function record() {
  return {
    command: `npm run tune -- --trials ${options.trials} --seed ${options.seed}`,
    startedAt,
    machine: machine(),
    versions: { node: process.versions.node },
    settings: winner.settings,
    figures,
  }
}
