import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { FaultCase, Stage } from '../fault-case.ts'
import { mountingMissing, mountSmallDisk, type SmallDisk } from '../small-disk.ts'
import { until } from '../until.ts'
import type { World } from '../world.ts'

const diskMb = 400
const startTimeMaxMs = 60_000

/** Starts the hub again where it has ended, as a supervisor does, until it is ready. */
async function untilReady({ hub, ask }: World): Promise<void> {
  const isReady = async () => {
    if (!isRunning(hub.pid)) await hub.start().catch(() => undefined)
    return ask('/readyz').then(
      () => true,
      () => false,
    )
  }
  await until(isReady, startTimeMaxMs, 'there is room again, and the hub does not come back')
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Fills the disk twice, and starts a hub again that ended over it. */
async function fillTwice(disk: SmallDisk, { world, crowd, random }: Stage): Promise<void> {
  for (const part of [0.2, 0.5]) {
    await crowd.reaches(part)
    await disk.fill()
    await wait(random.integer(1_000, 4_000))
    await disk.free()
    await untilReady(world)
  }
}

export const disks: readonly FaultCase[] = [
  {
    name: 'disk-full',
    what: 'The disk of the hub, with its log and the embedded store, is full while events come in, twice.',
    missing: mountingMissing,
    async set() {
      const disk = await mountSmallDisk(diskMb)
      return {
        options: { hubDataDir: join(disk.directory, 'hub') },
        fault: (stage) => fillTwice(disk, stage),
        remove: disk.remove,
      }
    },
  },
]
