import { readFileSync, writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type FileSession, readSessionFile } from '#hub/evaluation/session-file.ts'
import { machine, publish } from '#hub/local/report.ts'
import { collectSessions, type TimedItems } from './collect-sessions.ts'
import { predictionLine } from './replay-figures.ts'
import { type AskedSession, replayLive } from './replay-live.ts'
import { replayOffline } from './replay-offline.ts'
import { sample } from './sample.ts'
import { type FileQuestion, readPrefixLines, readSessionLines } from './session-lines.ts'

interface Options {
  readonly train: string
  readonly test?: string
  readonly prefixes?: string
  readonly order: 'file' | 'time'
  readonly offline?: boolean
  readonly includeCurrent?: boolean
  readonly sample?: number
  readonly json?: string
  readonly predictions?: string
  readonly floor?: boolean
}

const options = new Command('npm run replay --')
  .description(
    'Sends real clicks through a POP, trains on the hub, and asks the POP for every next item.',
  )
  .requiredOption(
    '--train <file>',
    'with --test: tab-separated SessionId, ItemId, Time; with --prefixes: a JSON array of item ids a line, oldest session first',
  )
  .option('--test <file>', 'tab-separated, to predict')
  .option('--prefixes <file>', 'or one [[items so far], next item] a line')
  .addOption(
    new Option('--order <order>', 'order of the clicks within a session of --test')
      .choices(['file', 'time'])
      .default('file'),
  )
  .option('--offline', 'train and predict in this process, without POP, hub and HTTP')
  .option('--include-current', 'what the visitor looks at may be recommended')
  .option('--sample <number>', 'ask only so many, drawn evenly', wholeNumber)
  .option('--json <file>', 'write the figures')
  .option('--floor', 'fail where a figure misses what clicks-serenade is known to reach')
  .option('--predictions <file>', 'write a line a prediction: rec1,rec2,…;next1,next2,…')
  .parse()
  .opts<Options>()

const startedAt = new Date()
const say = (sentence: string) =>
  console.log(`${((Date.now() - +startedAt) / 1_000).toFixed(1).padStart(6)} s  ${sentence}`)
const includesCurrent = options.includeCurrent ?? false
/** Before what is awaited below, which counts on it. */
let prefixesAsked = 0

if ((options.test === undefined) === (options.prefixes === undefined)) {
  console.error('Name what to predict by --test or by --prefixes, and only one of them.')
  process.exit(1)
}

const { replayed, figures, ...found } = await (options.offline ? offline() : live())
const { json, predictions, floor, ...settings } = options
publish(
  {
    command: 'npm run replay',
    startedAt: startedAt.toISOString(),
    machine: machine(),
    versions: { node: process.versions.node },
    settings: { ...settings, ...('settings' in found && { model: found.settings }) },
    figures,
  },
  json,
)
if (floor) checkFloor(figures)
if (predictions) writeFileSync(predictions, replayed.map(predictionLine).join(''))

async function offline() {
  const sessions = await collectSessions(options.prefixes ? sessionLines() : clicksByTime())
  const { items, sessionEndsAtMs, itemsTotal } = sessions.training
  const { length } = sessionEndsAtMs
  say(`${items.length} clicks of ${length} sessions and ${itemsTotal} items read`)
  const questions = await sample(
    options.prefixes ? prefixLines() : questionsOfClicks(),
    options.sample,
  )
  say(`${questions.length} questions read`)
  return replayOffline({ sessions, questions, includesCurrent, say })
}

async function live() {
  const train = options.prefixes ? await timedSessions() : readClicks(options.train, 'file')
  const asked: AskedSession[] = []
  if (options.prefixes) {
    for (const question of await sample(prefixLines(), options.sample)) asked.push(lastOf(question))
  } else {
    const test = readClicks(options.test as string, options.order)
    for (const session of test) asked.push({ ...session, onlyLast: false })
  }
  return replayLive({ train, test: asked, includesCurrent, say })
}

function sessionLines() {
  return readSessionLines(options.train, malformed(options.train))
}

function prefixLines() {
  const file = options.prefixes as string
  return readPrefixLines(file, malformed(file))
}

function malformed(file: string) {
  return (line: number) => console.warn(`${file}: line ${line} is malformed and left out`)
}

function readClicks(file: string, order: 'file' | 'time'): FileSession[] {
  const { sessions, malformed } = readSessionFile(readFileSync(file, 'utf8'), order)
  if (malformed.length > 0) console.warn(`${file}: ${malformed.length} malformed rows left out`)
  return sessions
}

/** As the hub reads them from its store: the session that ended first comes first. */
async function* clicksByTime(): AsyncGenerator<TimedItems> {
  const ends = ({ timesMs }: FileSession) => timesMs.reduce((last, at) => Math.max(last, at), 0)
  const sessions = readClicks(options.train, 'time')
  for (const session of sessions.toSorted((one, other) => ends(one) - ends(other))) {
    yield { itemIds: session.itemIds, endsAtMs: ends(session) }
  }
}

async function* questionsOfClicks(): AsyncGenerator<FileQuestion> {
  for (const { sessionId, itemIds } of readClicks(options.test as string, options.order)) {
    for (let at = 1; at < itemIds.length; at++) {
      yield { sessionId, seen: itemIds.slice(0, at), next: itemIds.slice(at) }
    }
  }
}

/** Sessions of a file without times, as events: each ends a minute after the one before, the last a minute ago. */
async function timedSessions(): Promise<FileSession[]> {
  const sessions: string[][] = []
  for await (const { itemIds } of sessionLines()) sessions.push(itemIds)
  return sessions.map((itemIds, at) => ({
    sessionId: String(at),
    itemIds,
    timesMs: timesUntil(+startedAt - (sessions.length - at) * 60_000, itemIds),
  }))
}

/** As slow as people are: what comes faster is taken for a bot, which teaches nothing. */
function timesUntil(endsAtMs: number, { length }: readonly string[]): number[] {
  return Array.from({ length }, (_, click) => endsAtMs - (length - 1 - click) * 2_000)
}

/** Every prefix is a visitor of its own, who brings all clicks with the one question. */
function lastOf({ sessionId, seen, next }: FileQuestion): AskedSession {
  const itemIds = [...seen, ...next]
  const timesMs = timesUntil(+startedAt - 60_000, itemIds)
  return { sessionId, visitorId: String(prefixesAsked++), itemIds, timesMs, onlyLast: true }
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('a whole number above 0 is needed')
  return Number(text)
}

/**
 * Serenade's published HitRate and its tuned MRR on the same predictions, the size a POP takes, and
 * the agreement of both scorers. Times are not here: they belong to the machine.
 */
function checkFloor(figures: Readonly<Record<string, number>>): void {
  const {
    hitRate20 = 0,
    mrr20 = 0,
    releaseBytes = Infinity,
    scoreDifferenceMax = Infinity,
  } = figures
  const missed = [
    hitRate20 < 0.6402 && `HitRate@20 ${hitRate20} is below 0.6402`,
    mrr20 < 0.3401 && `MRR@20 ${mrr20} is below 0.3401`,
    releaseBytes > 10_000_000 && `the release has ${releaseBytes} bytes, more than 10,000,000`,
    scoreDifferenceMax > 1e-5 && `ONNX and TypeScript differ by ${scoreDifferenceMax}`,
  ].filter((sentence) => sentence !== false)
  if (missed.length === 0) return
  console.error(missed.join('\n'))
  process.exitCode = 1
}
