import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { quantile } from 'simple-statistics'
import { loadSite } from './deliveries.ts'
import type { LoadPlan, LoadResult } from './delivery-load.ts'
import { type MeasuredHub, startMeasuredHub } from './measured-hub.ts'
import { type ProcessFigures, processFigures } from './process-figures.ts'

export type Load = Omit<LoadPlan, 'url' | 'popSecret'>
export type Figures = Readonly<Record<string, number>>

/** How much of what was acknowledged the store may still lack after the last of it, in time. */
const storedTimeMaxMs = 600_000
const sampleMs = 2_000
const askAgainMs = 200

interface Sample extends ProcessFigures {
  readonly lagMessages: number
}

/** What a hub takes, stores and needs for it under a load. Throws where it stored other than was acknowledged. */
export async function measureIngest(
  load: Load,
  settings: Readonly<Record<string, string>> = {},
): Promise<Figures> {
  const hub = await startMeasuredHub(settings)
  try {
    const idle = { ...(await processFigures(hub.pid)), peakMb: (await hub.status()).peakMb.hub }
    const started = performance.now()
    const sending = runLoad({ ...load, url: hub.url, popSecret: hub.popSecret })
    const samples = await sampleUntil(sending, hub)
    const sent = await sending
    const end = (await sampleOf(hub)) ?? samples.at(-1)
    const stored = await untilStored(hub, sent.events)
    const storedSeconds = (performance.now() - started) / 1_000
    const { peakMb } = await hub.status()
    const distinct = await countEvents(hub, 'uniqExact(message_id)')
    if (stored !== sent.events || distinct !== sent.events)
      throw new Error(`of ${sent.events} acknowledged events ${distinct} are in ${stored} rows`)
    return {
      ...sendingFigures(sent),
      eventsPerSecond: stored / storedSeconds,
      eventsStored: stored,
      lagAtEndMessages: end?.lagMessages ?? 0,
      storedAfterSeconds: storedSeconds - sent.seconds,
      ...courseOf(samples),
      hubIdlePeakMb: idle.peakMb,
      hubPeakMb: peakMb.hub,
      ...(peakMb.store !== null && { storePeakMb: peakMb.store }),
      ...costOf(idle, await processFigures(hub.pid), sent),
    }
  } finally {
    await hub.remove()
  }
}

/** The same load against a server that reads the body and answers. */
export async function measureCeiling(load: Load, popSecret: string): Promise<Figures> {
  const server = forkProgram('./reading-server.ts', [])
  try {
    const [port] = await once(server, 'message')
    const sent = await runLoad({ ...load, url: `http://127.0.0.1:${port}`, popSecret })
    return { ceilingEventsPerSecond: sent.events / sent.seconds }
  } finally {
    server.kill()
  }
}

async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const child = forkProgram('./delivery-load.ts', [JSON.stringify(plan)])
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the load generator ended with code ${code}`)
  })
  const [result] = await Promise.race([once(child, 'message'), ended])
  return result as LoadResult
}

function forkProgram(program: string, commandLine: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(program, import.meta.url)), commandLine, {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
}

async function sampleUntil(ended: Promise<unknown>, hub: MeasuredHub): Promise<Sample[]> {
  const samples: Sample[] = []
  let isOver = false
  const over = ended.finally(() => {
    isOver = true
  })
  over.catch(() => undefined)
  while (!isOver) {
    await Promise.race([wait(sampleMs), over])
    const sample = await sampleOf(hub)
    if (sample) samples.push(sample)
  }
  return samples
}

/** Null where the hub has no time to answer: it is asked again at the next sample. */
async function sampleOf(hub: MeasuredHub): Promise<Sample | null> {
  const status = await hub.status().catch(() => null)
  if (!status) return null
  const lagMessages = status.lag.reduce((sum, { messages }) => sum + messages, 0)
  return { ...(await processFigures(hub.pid)), lagMessages }
}

async function untilStored(hub: MeasuredHub, events: number): Promise<number> {
  const giveUpAt = performance.now() + storedTimeMaxMs
  for (let stored = 0; ; await wait(askAgainMs)) {
    stored = await countEvents(hub, 'count()').catch(() => stored)
    if (stored >= events || performance.now() > giveUpAt) return stored
  }
}

async function countEvents(hub: MeasuredHub, expression: string): Promise<number> {
  const [row] = await hub.query<{ total: number }>(
    `SELECT toUInt32(${expression}) AS total FROM events WHERE site = '${loadSite}'`,
  )
  return row?.total ?? 0
}

function sendingFigures({ events, seconds, ackMs, bytes, repeated }: LoadResult): Figures {
  return {
    acknowledgedEventsPerSecond: events / seconds,
    ackP50Ms: quantile([...ackMs], 0.5),
    ackP99Ms: quantile([...ackMs], 0.99),
    eventBytes: bytes / events,
    eventsSent: events,
    deliveriesRepeated: repeated,
  }
}

/** What would climb if something were never given back; a fifth in, the engines are warm. */
function courseOf(samples: readonly Sample[]): Figures {
  const at = (part: number) => samples[Math.floor(part * (samples.length - 1))]
  const [start, middle, end] = [at(0.2), at(0.6), at(1)]
  return {
    hubFifthMb: start?.ownMb ?? 0,
    hubMiddleMb: middle?.ownMb ?? 0,
    hubEndMb: end?.ownMb ?? 0,
    lagFifthMessages: start?.lagMessages ?? 0,
    lagMiddleMessages: middle?.lagMessages ?? 0,
    lagMostMessages: Math.max(0, ...samples.map(({ lagMessages }) => lagMessages)),
  }
}

/** Processor time, which a busy machine does not change as much as it changes the clock. */
function costOf(idle: ProcessFigures, hub: ProcessFigures, sent: LoadResult): Figures {
  const { events, cpuSeconds } = sent
  const millions = events / 1e6
  return {
    hubCpuSecondsPerMillion: (hub.ownCpuSeconds - idle.ownCpuSeconds) / millions,
    storeCpuSecondsPerMillion: (hub.childrenCpuSeconds - idle.childrenCpuSeconds) / millions,
    loadCpuSecondsPerMillion: cpuSeconds / millions,
  }
}
