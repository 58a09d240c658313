import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { FaultCase } from '../fault-case.ts'

export const popCrashes: readonly FaultCase[] = [
  {
    name: 'pop-killed-mid-batch',
    what: 'The runtime of the POP (workerd) is killed three times while batches come in.',
    isQuick: true,
    set: () => ({
      async fault({ world, crowd, random }) {
        for (const part of [0.2, 0.4, 0.6]) {
          await crowd.reaches(part + random.unit() / 10)
          for (const pid of world.runtimePids()) process.kill(pid, 'SIGKILL')
        }
      },
    }),
  },
  {
    name: 'pop-killed-mid-alarm',
    what: 'The runtime of the POP is killed while a delivery to the hub waits for its answer.',
    isQuick: true,
    set: () => ({
      async fault({ world, crowd, random }) {
        await crowd.reaches(0.3)
        world.wire.become('deaf')
        await wait(random.integer(200, 600))
        for (const pid of world.runtimePids()) process.kill(pid, 'SIGKILL')
        world.wire.become('open')
      },
    }),
  },
  {
    name: 'pop-machine-killed',
    what: 'All processes of the POP are killed at once, as by a power cut, and started again.',
    set: () => ({
      async fault({ world, crowd }) {
        await crowd.reaches(0.4)
        await world.pop.kill()
        await world.pop.start()
      },
    }),
  },
  {
    name: 'pop-host-killed',
    what: 'The process that keeps the POP is killed, its runtime is left behind, and it is started again.',
    set: () => ({
      async fault({ world, crowd }) {
        await crowd.reaches(0.4)
        process.kill(world.pop.pid, 'SIGKILL')
        await world.pop.ended()
        await world.pop.start()
      },
    }),
  },
  {
    name: 'pop-put-back',
    what: 'The files of the POP are put back to an older state, after all that it then had was forwarded.',
    set: () => ({
      async fault({ world, crowd }) {
        const files = join(world.dataDir, 'pop')
        await crowd.reaches(0.3)
        await world.pop.stop()
        await cp(files, `${files}-older`, { recursive: true })
        await world.pop.start()
        await crowd.reaches(0.85)
        await untilForwarded(world.popUrl)
        await world.pop.stop()
        await rm(files, { recursive: true })
        await cp(`${files}-older`, files, { recursive: true })
        await rm(`${files}-older`, { recursive: true })
        await world.pop.start()
      },
    }),
  },
]

/** Nothing comes in now; the longest pause between two deliveries of an outbox is far below this. */
async function untilForwarded(popUrl: string): Promise<void> {
  await fetch(`${popUrl}/readyz`)
  await wait(3_000)
}
