import { readFileSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { clusteredInterval } from '#hub/evaluation/clustered-interval.ts'
import type { Prediction } from '#hub/evaluation/metrics.ts'
import { readSessionFile } from '#hub/evaluation/session-file.ts'
import { machine } from '#hub/local/report.ts'
import { buildPopularity } from '#models/popularity/popularity.ts'
import { buildModel } from '#models/session-knn/graph.ts'
import { defaultSessionKnnSettings } from '#models/session-knn/settings.ts'
import { buildIndex } from '#models/session-knn/train.ts'
import {
  type SessionKnnIndex,
  type SessionKnnSettings,
  sessionScorer,
} from '#shared/session-knn.ts'
import { measureLatencies } from './latency.ts'
import { narrower } from './measure-numbers.ts'
import { variants } from './measure-variants.ts'
import {
  figuresOf,
  metrics,
  numberSessions,
  predict,
  questionsOf,
  recommendedLength,
} from './session-evaluation.ts'

const options = new Command('measure')
  .description('Prints the figures of session-knn and popularity on a click file.')
  .requiredOption('--train <file>', 'tab-separated SessionId, ItemId, Time')
  .requiredOption('--test <file>', 'the same, later sessions')
  .option('--order <order>', 'rows within a test session: file or time', 'file')
  .option('--ablate', 'also measure the default with one idea changed')
  .option('--numbers', 'also measure the model with its numbers in fewer bytes')
  .option('--json <file>', 'write the figures')
  .parse()
  .opts<{
    train: string
    test: string
    order: string
    ablate?: true
    numbers?: true
    json?: string
  }>()

const figures: Record<string, number> = {}
const startedAt = new Date()
const order = options.order === 'time' ? 'time' : 'file'
const { training, numbers } = numberSessions(sessionsIn(options.train, 'time'))
const questions = questionsOf(sessionsIn(options.test, order), numbers)
console.log(`${questions.length} predictions, rows of a session in ${order} order`)

const started = performance.now()
const index = buildIndex(training, defaultSessionKnnSettings)
const model = buildModel(index)
figures.buildSeconds = (performance.now() - started) / 1000
figures.modelBytes = model.length
const predictions = predict(questions, sessionScorer(index))
report('session-knn', predictions)
const popular = buildPopularity(training, {
  nowMs: training.sessionEndsAtMs.at(-1) ?? 0,
  halfLifeDays: 7,
  itemsMax: recommendedLength + 1,
})
report(
  'popularity',
  predict(questions, () => popular),
)
const windows = questions.map(({ seen }) => seen)
Object.assign(figures, await measureLatencies(model, index, windows))
console.table(figures)
if (options.ablate) console.table(ablations())
if (options.numbers) console.table(narrowed())
if (options.json !== undefined)
  writeFileSync(options.json, `${JSON.stringify(record(), null, 2)}\n`)

function sessionsIn(path: string, rowOrder: 'file' | 'time') {
  return readSessionFile(readFileSync(path, 'utf8'), rowOrder).sessions
}

function report(name: string, made: Prediction[]): void {
  for (const [figure, value] of Object.entries(figuresOf(made, training.itemsTotal))) {
    figures[`${name}/${figure}`] = value
  }
  for (const [metric, of] of Object.entries(metrics)) {
    const { low, high } = interval(made.map((one) => of(one, recommendedLength)))
    figures[`${name}/${metric}@${recommendedLength}/low`] = low
    figures[`${name}/${metric}@${recommendedLength}/high`] = high
  }
}

function interval(values: number[]) {
  const sessionIds = questions.map(({ sessionId }) => sessionId)
  return clusteredInterval(values, sessionIds)
}

/** Default minus variant, prediction by prediction: what the idea is worth. */
function ablations() {
  const rows = Object.entries(variants).map(([name, changes]) => [name, gainOver(changes)])
  return Object.fromEntries(rows)
}

/** The same model with its numbers in fewer bytes: what that saves and what it loses. */
function narrowed() {
  const rows = Object.entries(narrower).map(([name, of]) => {
    const { index: other, bytesSaved } = of(index)
    return [name, { bytesSaved, ...gainOf(other) }]
  })
  return Object.fromEntries(rows)
}

function gainOver(changes: Partial<SessionKnnSettings>) {
  return gainOf(buildIndex(training, { ...defaultSessionKnnSettings, ...changes }))
}

function gainOf(other: SessionKnnIndex) {
  const made = predict(questions, sessionScorer(other))
  const gain = (of: (typeof metrics)['MRR']) => {
    const differences = made.map(
      (one, at) =>
        of(predictions[at] as Prediction, recommendedLength) - of(one, recommendedLength),
    )
    const { mean, low, high } = interval(differences)
    return `${mean.toFixed(4)} (${low.toFixed(4)} to ${high.toFixed(4)})`
  }
  return { 'HitRate gain': gain(metrics.HitRate), 'MRR gain': gain(metrics.MRR) }
}

function record() {
  return {
    command: `npm run measure -- --order ${order}`,
    startedAt: startedAt.toISOString(),
    machine: machine(),
    versions: { node: process.versions.node },
    settings: defaultSessionKnnSettings,
    figures,
  }
}
