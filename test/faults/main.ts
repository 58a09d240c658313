import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { machine } from '#hub/local/report.ts'
import type { FaultCase } from './fault-case.ts'
import { matrix } from './matrix.ts'
import { type CaseResult, runCase } from './run-case.ts'

interface Options {
  readonly seed: string
  readonly seeds: string
  readonly events: string
  readonly only?: string
  readonly full?: boolean
  readonly list?: boolean
  readonly json?: string
}

const options = new Command('npm run faults --')
  .description('Kills, cuts, repeats and reorders, and counts every event afterwards.')
  .option('--seed <n>', 'the first seed; a failure is repeated by its own', '1')
  .option('--seeds <n>', 'how many seeds a case', '1')
  .option('--events <n>', 'events a case and seed', '2000')
  .option('--only <names>', 'cases by the start of their names, with commas between')
  .option('--full', 'every case, 3 seeds and 12,000 events where not said otherwise')
  .option('--list', 'say what the cases are')
  .option('--json <file>', 'write the results')
  .parse()

const given = options.opts<Options>()
const isFull = given.full ?? false
const said = (name: 'seeds' | 'events', inFull: number) =>
  isFull && options.getOptionValueSource(name) === 'default' ? inFull : Number(given[name])
const firstSeed = Number(given.seed)
const seeds = Array.from({ length: said('seeds', 3) }, (_, index) => firstSeed + index)
const events = said('events', 12_000)

if (given.list) {
  for (const { name, what } of matrix) console.log(`${name.padEnd(32)} ${what}`)
} else await main()

async function main(): Promise<void> {
  const startedAt = new Date()
  const say = (sentence: string) =>
    console.log(`${((Date.now() - +startedAt) / 1_000).toFixed(0).padStart(5)} s  ${sentence}`)
  const results: CaseResult[] = []
  for (const fault of matrix.filter(isWanted)) {
    const missing = (await fault.missing?.()) ?? null
    if (missing) {
      say(`${fault.name} is left out: ${missing}`)
      continue
    }
    say(`${fault.name}: ${fault.what}`)
    for (const result of await runCase(fault, { seeds, events, isShort: !isFull, say })) {
      results.push(result)
      say(sentenceOf(result))
    }
  }
  report(results, startedAt)
}

function isWanted({ name, isQuick }: FaultCase): boolean {
  if (given.only) return given.only.split(',').some((start) => name.startsWith(start))
  return isFull || isQuick === true
}

function isWrong({ lost, duplicated, outOfOrder, failure }: CaseResult): boolean {
  return lost + duplicated + outOfOrder > 0 || failure !== null
}

function sentenceOf(result: CaseResult): string {
  const { name, seed, sent, stored, lost, duplicated, outOfOrder, refused, recoverySeconds } =
    result
  const counts = `${stored} of ${sent} stored, ${lost} lost, ${duplicated} twice, ${outOfOrder} out of order, ${refused} refused`
  const sentence = `  seed ${seed}: ${counts}; recovered in ${recoverySeconds.toFixed(1)} s`
  if (!isWrong(result)) return sentence
  const why = [result.failure, result.missing.length > 0 && `missing ${result.missing.join()}`]
  return `${sentence}\n       WRONG: ${why.filter(Boolean).join('; ')}; repeat it by --only ${name} --seed ${seed} --events ${events}`
}

function report(results: readonly CaseResult[], startedAt: Date): void {
  const sum = (of: (result: CaseResult) => number) =>
    results.reduce((total, result) => total + of(result), 0)
  const figures = {
    cases: results.length,
    sent: sum(({ sent }) => sent),
    stored: sum(({ stored }) => stored),
    lost: sum(({ lost }) => lost),
    duplicated: sum(({ duplicated }) => duplicated),
    outOfOrder: sum(({ outOfOrder }) => outOfOrder),
    refused: sum(({ refused }) => refused),
    recoverySecondsMax: Math.max(0, ...results.map(({ recoverySeconds }) => recoverySeconds)),
  }
  console.table(
    Object.fromEntries(
      results.map(({ name, seed, missing, failure, ...counts }) => [`${name} ${seed}`, counts]),
    ),
  )
  console.table(figures)
  const wrong = results.filter(isWrong)
  console.log(
    wrong.length === 0
      ? 'Nothing is lost, nothing is counted twice, every visitor is in order.'
      : `${wrong.length} of ${results.length} runs did not hold.`,
  )
  if (wrong.length > 0 || results.length === 0) process.exitCode = 1
  if (given.json === undefined) return
  const document = {
    ...{ command: 'npm run faults', startedAt: startedAt.toISOString(), machine: machine() },
    ...{ versions: { node: process.versions.node }, settings: { seeds, events, isFull } },
    ...{ figures, cases: results },
  }
  writeFileSync(given.json, `${JSON.stringify(document, null, 2)}\n`)
}
