import { readFileSync, writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { readSessionFile } from '#hub/evaluation/session-file.ts'
import { machine } from '#hub/local/report.ts'
import { defaultSessionKnnSettings } from '#models/session-knn/settings.ts'
import { buildIndex } from '#models/session-knn/train.ts'
import { type SessionKnnSettings, scoreSession } from '#shared/session-knn.ts'
import { figuresOf, numberSessions, predict, questionsOf } from './session-evaluation.ts'
import { search, searchSpace, type Trial } from './tune-search.ts'

// Validation sessions are asked in file order and in time order. In clicks-serenade the two run
// against each other: what is best in both learned the shop and not the file.
const orders = ['file', 'time'] as const

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
const questions = orders.map((order) => ({
  order,
  asked: questionsOf(sessionsIn(options.valid, order), numbers),
}))

let tried = 0
const bestOfStage = new Map<string, number>()
const winner = search({
  base: defaultSessionKnnSettings,
  trials: options.trials,
  random: xoroshiro128plus(options.seed),
  measure: (settings, share) => objectiveOf(figuresFor(settings, share)),
  report: reportTrial,
})
const figures = figuresFor(winner.settings, 1)
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

/** Figures on the first share of the questions, named `order/metric`. */
function figuresFor(settings: SessionKnnSettings, share: number): Record<string, number> {
  const index = buildIndex(training, settings)
  const named = questions.flatMap(({ order, asked }) => {
    const some = asked.slice(0, Math.ceil(asked.length * share))
    const predictions = predict(some, (seen) => scoreSession(index, seen))
    const entries = Object.entries(figuresOf(predictions, training.itemsTotal))
    return entries.map(([name, value]) => [`${order}/${name}`, value])
  })
  return Object.fromEntries(named)
}

function objectiveOf(measured: Record<string, number>): number {
  const sums = orders.map(
    (order) => (measured[`${order}/HitRate@20`] ?? 0) + (measured[`${order}/MRR@20`] ?? 0),
  )
  return sums.reduce((total, sum) => total + sum, 0) / orders.length
}

function reportTrial(stage: string, { objective }: Trial): void {
  const best = Math.max(bestOfStage.get(stage) ?? 0, objective)
  bestOfStage.set(stage, best)
  tried += 1
  const shown = `${objective.toFixed(4)}, best here ${best.toFixed(4)}`
  if (tried % 10 === 1) console.log(`${tried}: ${stage}: HitRate + MRR ${shown}`)
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
