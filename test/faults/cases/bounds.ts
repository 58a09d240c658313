import { setTimeout as wait } from 'node:timers/promises'
import { limits } from '#shared/limits.ts'
import { childrenOf, residentMb } from '#test/support/processes.ts'
import type { FaultCase, Stage } from '../fault-case.ts'
import { hubCounter } from '../hub-counter.ts'
import { layStoreWire } from '../store-behind-a-wire.ts'
import { until } from '../until.ts'
import type { World } from '../world.ts'

const boundTimeMaxMs = 60_000
const sampleMs = 250
/** The smallest there are: what a short crowd sends fills them. */
const smallOutbox = { OUTBOX_BYTES_MAX: '65536', VISITOR_SHARDS: '1' }
const smallLog = { LOG_BYTES_MAX: '1000000' }

const throttled = ({ crowd }: Stage) =>
  until(
    () => crowd.counts.throttled > 0,
    boundTimeMaxMs,
    'the outbox was to be full, and the POP answered no 429',
  )

/** Every 429 says when to come again. */
async function waitsAreSaid({ crowd }: Stage): Promise<void> {
  if (crowd.untimed > 0) throw new Error(`${crowd.untimed} answers of 429 had no Retry-After`)
}

/** The most memory that hub and POP had resident while somebody looked, MB. */
class MemoryPeak {
  readonly #world: World
  hubMb = 0
  popMb = 0

  constructor(world: World) {
    this.#world = world
  }

  sample(): void {
    const { hub, pop } = this.#world
    this.hubMb = Math.max(this.hubMb, residentMb([hub.pid]))
    this.popMb = Math.max(this.popMb, residentMb([pop.pid, ...childrenOf(pop.pid)]))
  }

  assertBelowCeilings(): void {
    const { hubMemoryMbMax, popMemoryMbMax } = limits
    if (this.hubMb > hubMemoryMbMax) throw new Error(`the hub had ${this.hubMb} MB resident`)
    if (this.popMb > popMemoryMbMax) throw new Error(`the POP had ${this.popMb} MB resident`)
  }
}

async function sampleUntil(memory: MemoryPeak, ends: Promise<void>): Promise<void> {
  let isOver = false
  const over = ends.finally(() => {
    isOver = true
  })
  while (!isOver) {
    memory.sample()
    await Promise.race([wait(sampleMs), over])
  }
  await over
}

/** The store hangs until nothing further back has room, and for the time of the run after it. */
async function pressure(stage: Stage, refusedBefore: number): Promise<void> {
  const { world, isShort } = stage
  const hubIsFull = async () => (await refusedByLog(world)) > refusedBefore
  await until(hubIsFull, boundTimeMaxMs, 'the log was to be full, and the hub refused nothing')
  await throttled(stage)
  await wait(isShort ? 5_000 : 600_000)
}

/** Deliveries that ingest answered with 429. */
const refusedByLog = (world: World) =>
  hubCounter(world.hub, world, 'shelfedge_requests_refused_total{code="log_busy"}')

export const bounds: readonly FaultCase[] = [
  {
    name: 'outbox-full',
    what: 'The hub is away until the outbox is full and the POP answers 429; the crowd goes on later.',
    isQuick: true,
    set: () => ({
      options: { pop: smallOutbox },
      async fault(stage) {
        const { world, crowd } = stage
        await crowd.reaches(0.1)
        await world.hub.kill()
        await throttled(stage)
        await wait(1_000)
        await world.hub.start()
      },
      after: waitsAreSaid,
    }),
  },
  {
    name: 'backpressure',
    what: 'The store hangs: the log fills, the hub answers 429, the outbox fills, the POP answers 429; memory stays (10 minutes; seconds in a short run).',
    crowd: { paddingCharacters: 2_000 },
    async set() {
      const store = await layStoreWire()
      let memory: MemoryPeak | null = null
      return {
        options: { hub: { CLICKHOUSE_URL: store.url, ...smallLog }, pop: smallOutbox },
        async fault(stage) {
          const peak = new MemoryPeak(stage.world)
          memory = peak
          await stage.crowd.reaches(0.1)
          const refusedBefore = await refusedByLog(stage.world)
          store.wire.become('silent')
          await sampleUntil(peak, pressure(stage, refusedBefore))
          store.wire.become('open')
        },
        async after(stage) {
          memory?.sample()
          memory?.assertBelowCeilings()
          await waitsAreSaid(stage)
        },
        remove: store.remove,
      }
    },
  },
]
