import { setTimeout as wait } from 'node:timers/promises'
import type { NabResult } from '#hub/evaluation/nab.ts'
import type { Client } from '../client.ts'
import type { Example, Narrator } from '../example.ts'
import { seriesPicture } from '../series-picture.ts'
import { judgeWard, limitAlarms, type WardFigures } from './judge-ward.ts'
import { type Found, judgeMachines, type Watched, watchMachines } from './machines.ts'
import { policy } from './policy.ts'
import { readCorpus } from './read-series.ts'
import { watchSilentBed } from './silent-bed.ts'
import { simulateWard } from './ward.ts'
import { trainWardModel } from './ward-model.ts'
import { watchWard } from './watch-ward.ts'

const hourMs = 3_600_000
const minutes = 240
const arrivalTimeMaxMs = 60_000

/** Machines whose failures are known, and a ward that is generated: who is told, when, and how often for nothing. */
export const vitalsAndMachines: Example = {
  name: 'vitals-and-machines',
  what: 'raises alerts on real sensors and generated heart rates, against static limits',
  data: 'sensors-nab',
  policy,
  webhooks: ['ward'],
  async run(client, narrator, folder) {
    const release = await publishModel(client, narrator)
    await client.untilLive(release, 'machine')
    const ward = await runWard(client, narrator)
    const machines = await runMachines(folder, client, narrator)
    return { ...ward, ...machines }
  },
}

/** Trained on other beds than those that are watched; the release it comes in brings the policy and the stream model. */
async function publishModel(client: Client, narrator: Narrator): Promise<string> {
  const learned = simulateWard({ seed: 1, name: 'learned', beds: 60, minutes })
  const heldBack = simulateWard({ seed: 2, name: 'held', beds: 30, minutes })
  const { model, declaration } = trainWardModel(learned, heldBack)
  const { release, figures } = await client.pushModel('deterioration', declaration, model)
  narrator.say(`model deterioration was examined: ${JSON.stringify(figures)}`)
  await client.promote(release)
  return release
}

async function runWard(client: Client, narrator: Narrator) {
  const beds = simulateWard({ seed: 3, name: 'bed', beds: 20, minutes })
  const watchedBed = beds[0]?.name ?? ''
  const stream = client.stream(watchedBed)
  narrator.say(`${beds.length} beds are watched for ${minutes} minutes, which are short here …`)
  const logs = await watchWard(beds, client)
  const ours = judgeWard(
    beds,
    (bed) =>
      logs
        .find((log) => log.bed === bed)
        ?.told.filter(({ escalation }) => escalation === 0)
        .map(({ minute }) => minute) ?? [],
  )
  const limits = judgeWard(beds, limitAlarms)
  narrator.table('Twenty beds, four hours: who was told?', [
    { told: 'alerts of the POP', ...rounded(ours) },
    { told: 'a limit for each sign', ...rounded(limits) },
  ])
  const decided = logs.flatMap((log) => log.decided)
  const ofWatched = logs[0]?.decided ?? []
  const byStream = () => arrived(ofWatched, stream.told)
  const byWebhook = () =>
    arrived(
      decided,
      client.told.map(({ id }) => id),
    )
  const isThere = () => byStream() === ofWatched.length && byWebhook() === decided.length
  const giveUpAt = performance.now() + arrivalTimeMaxMs
  while (!isThere() && performance.now() < giveUpAt) await wait(50)
  const [wardByStream, wardByWebhook] = [byStream(), byWebhook()]
  stream.close()
  narrator.table('How decisions on readings arrived', [
    { by: 'answer of the request', expected: decided.length, arrived: decided.length },
    {
      by: `GET /v1/stream, of ${watchedBed}`,
      ...{ expected: ofWatched.length, arrived: wardByStream },
    },
    { by: 'webhook, signature verified', expected: decided.length, arrived: wardByWebhook },
  ])
  const silent = await watchSilentBed(client)
  narrator.say(
    `a monitor fell off after its alarm: ${silent.length} notices came by the clock, each a step further up: ${silent.join(', ')}`,
  )
  const told = logs.flatMap((log) => log.told)
  const escalated = told.filter(({ escalation }) => escalation > 0).length
  const acknowledged = logs.filter(({ acknowledgedAt }) => acknowledgedAt !== null).length
  narrator.say(
    `${acknowledged} alarms were acknowledged; ${escalated} notices went a step further up`,
  )
  return {
    ...prefixed('ward', ours),
    ...prefixed('wardLimits', limits),
    ...{ wardDecisions: decided.length, wardByWebhook, wardEscalations: escalated },
    ...{ wardStreamExpected: ofWatched.length, wardByStream, wardSilentNotices: silent.length },
    webhookSignaturesRefused: client.refused,
  }
}

/** How many of these decisions somebody was told of; what the clock decided is not among them. */
function arrived(decided: readonly string[], told: readonly string[]): number {
  const all = new Set(told)
  return decided.filter((id) => all.has(id)).length
}

async function runMachines(folder: string, client: Client, narrator: Narrator) {
  const corpus = readCorpus(folder)
  const readings = corpus.reduce((sum, { values }) => sum + values.length, 0)
  narrator.say(`${corpus.length} machines post ${readings} readings, and each is decided on …`)
  const startedAt = performance.now()
  const watched = await watchMachines(corpus, Date.now(), client)
  const seconds = (performance.now() - startedAt) / 1_000
  narrator.say(`${readings} decisions in ${seconds.toFixed(0)} s`)
  const found = judgeMachines(watched)
  narrator.table(
    'Windows with a known cause: hours from their start to the first alarm',
    windowRows(found),
  )
  narrator.table('All seven series', found.map(totalRow))
  for (const series of watched) picture(series, found, narrator)
  const [ours, gaussian, limits, asOften] = found.map(({ result }) => result) as [
    NabResult,
    NabResult,
    NabResult,
    NabResult,
  ]
  return {
    ...{ readings, replaySeconds: seconds, readingsPerSecond: readings / seconds },
    ...{ windows: ours.windows.length, windowsFound: windowsFound(ours), nab: ours.score },
    ...{ falseAlarms: ours.falseAlarms, gaussianWindowsFound: windowsFound(gaussian) },
    ...{ gaussianFalseAlarms: gaussian.falseAlarms, gaussianNab: gaussian.score },
    ...{ limitsWindowsFound: windowsFound(limits), limitsFalseAlarms: limits.falseAlarms },
    ...{ limitsNab: limits.score, gaussianAsOftenWindowsFound: windowsFound(asOften) },
    gaussianAsOftenFalseAlarms: asOften.falseAlarms,
  }
}

function windowRows(found: readonly Found[]) {
  const [first] = found
  return (first?.result.windows ?? []).map(({ series, startsAt, endsAt }, at) => ({
    series,
    window: new Date(startsAt).toISOString().slice(0, 16),
    hours: hours(endsAt - startsAt),
    ...Object.fromEntries(
      found.map(({ detector, result }) => {
        const delayMs = result.windows[at]?.delayMs ?? null
        return [detector, delayMs === null ? 'missed' : hours(delayMs)]
      }),
    ),
  }))
}

function totalRow({ detector, result }: Found) {
  return {
    detector,
    windowsFound: `${windowsFound(result)} of ${result.windows.length}`,
    falseAlarms: result.falseAlarms,
    nabScore: Number(result.score.toFixed(1)),
  }
}

function picture(series: Watched, found: readonly Found[], narrator: Narrator): void {
  const { name, times, values, windows, alarms } = series
  const inWindows = found[0]?.result.windows.filter((window) => window.series === name) ?? []
  const hit = inWindows.filter(({ delayMs }) => delayMs !== null).length
  narrator.picture(
    `vitals-and-machines-${name}`,
    seriesPicture({
      ...{ times, values, windows, alarms },
      title: `${name}: ${hit} of ${inWindows.length} windows found`,
    }),
  )
}

const hours = (ms: number) => Number((ms / hourMs).toFixed(1))
const windowsFound = ({ windows }: NabResult) =>
  windows.filter(({ delayMs }) => delayMs !== null).length

function rounded({
  episodes,
  found,
  falseAlarms,
  falseAlarmsPerBedDay,
  delayMinutes,
}: WardFigures) {
  return {
    ...{ found: `${found} of ${episodes}`, falseAlarms },
    perBedDay: Number(falseAlarmsPerBedDay.toFixed(1)),
    delayMinutes: delayMinutes === null ? '' : Number(delayMinutes.toFixed(1)),
  }
}

function prefixed(name: string, figures: WardFigures): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(figures).map(([key, value]) => [
      `${name}${key.slice(0, 1).toUpperCase()}${key.slice(1)}`,
      value,
    ]),
  )
}
