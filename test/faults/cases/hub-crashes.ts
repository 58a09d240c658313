import { setTimeout as wait } from 'node:timers/promises'
import type { FailPoint } from '#hub/fail-point.ts'
import { trainAndFollow, trainingsPath } from '#hub/training/follow.ts'
import type { TrainingReport } from '#hub/trainings.ts'
import type { FaultCase, Stage } from '../fault-case.ts'
import { site } from '../world.ts'

/** Starts the hub so that it ends at a point while the crowd is sending, and then as it should be. */
async function crashAt(point: FailPoint, { world, crowd, random }: Stage): Promise<void> {
  await crowd.reaches(0.2)
  await world.hub.stop()
  // Where the log still holds something, the point lies on the way of the start itself.
  const started = world.hub.start({ FAIL_POINT: `${point}:${random.integer(1, 4)}` })
  await started.catch(() => world.hub.ended())
  await whileSending(crowd, world.hub.ended())
  await world.hub.start()
}

/** A POP gathers what waits into few deliveries: they come one by one, so that the point is surely passed. */
async function whileSending(crowd: Stage['crowd'], ended: Promise<void>): Promise<void> {
  let isOver = false
  const over = ended.finally(() => {
    isOver = true
  })
  while (!isOver) {
    crowd.releaseOne()
    await Promise.race([over, wait(500)])
  }
}

function crash(point: FailPoint, what: string, isQuick = false): FaultCase {
  return {
    name: `hub-killed-${point.replaceAll('_', '-')}`,
    ...{ what, isQuick },
    set: () => ({ fault: (stage) => crashAt(point, stage) }),
  }
}

/** The same for what happens in a training, which is asked for. */
function crashOfTraining(point: FailPoint, what: string): FaultCase {
  return {
    name: `hub-killed-${point.replaceAll('_', '-')}`,
    what,
    set: () => ({
      async fault({ world, crowd }) {
        await crowd.reaches(0.5)
        await world.hub.stop()
        await world.hub.start({ FAIL_POINT: point })
        await untilCutOff(() => train(world))
        await world.hub.ended()
        await world.hub.start()
      },
      // A training that was cut off leaves nothing behind that the next one stumbles over, and is taken up itself.
      async after({ world }) {
        const { outcome, reason } = await train(world)
        if (outcome !== 'published' && outcome !== 'unchanged') {
          throw new Error(`no model afterwards: ${reason}`)
        }
        const all = await world.ask<TrainingReport[]>(`${trainingsPath}?site=${site}`)
        const open = all.filter(({ number, end }) => number !== null && end === null)
        if (open.length > 0) throw new Error(`${open.length} trainings were forgotten`)
      },
    }),
  }
}

function train(world: Stage['world']) {
  return trainAndFollow((method, path) => world.ask(path, { method }), site)
}

/** Again and again, while too little is stored to come as far as the point; until there is no answer. */
async function untilCutOff(ask: () => Promise<unknown>): Promise<void> {
  try {
    for (;;) {
      await ask()
      await wait(200)
    }
  } catch {
    // The hub has ended.
  }
}

export const hubCrashes: readonly FaultCase[] = [
  {
    name: 'no-fault',
    what: 'Nothing happens: what the other cases are held against.',
    isQuick: true,
    set: () => ({ fault: async () => undefined }),
  },
  crash('before_append', 'The hub is killed with a delivery in hand, before its log has it.'),
  crash(
    'after_append',
    'The hub is killed when its log has a delivery, before the POP is told.',
    true,
  ),
  crash('during_insert', 'The hub is killed while the store inserts.', true),
  crash(
    'after_insert',
    'The hub is killed when the store has a chunk, before the log is told.',
    true,
  ),
  crashOfTraining('during_training', 'The hub is killed while it trains.'),
  crashOfTraining(
    'during_publish',
    'The hub is killed between keeping a release and naming it live.',
  ),
  {
    name: 'hub-killed-again-and-again',
    what: 'The hub is killed three times at moments of chance.',
    set: () => ({
      async fault({ world, crowd, random }) {
        for (const part of [0.2, 0.4, 0.6]) {
          await crowd.reaches(part + random.unit() / 10)
          await world.hub.kill()
          await world.hub.start()
        }
      },
    }),
  },
  {
    name: 'hub-restarted',
    what: 'The hub is asked to end, as for an upgrade, and started again, twice.',
    isQuick: true,
    set: () => ({
      async fault({ world, crowd }) {
        for (const part of [0.3, 0.6]) {
          await crowd.reaches(part)
          await world.hub.stop()
          await world.hub.start()
        }
      },
    }),
  },
]
