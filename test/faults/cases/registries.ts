import { trainAndFollow } from '#hub/training/follow.ts'
import { postgresPrograms, startPostgres } from '../../support/postgres.ts'
import type { FaultCase, Stage } from '../fault-case.ts'
import { site } from '../world.ts'

const train = ({ world }: Stage) =>
  trainAndFollow((method, path) => world.ask(path, { method }), site)

/** The hub says of what needs the registry: ask again; and publishes nothing. */
async function expectAway(stage: Stage): Promise<void> {
  const said = await stage.world.ask(`/v1/history?site=${site}`).then(
    () => 'nothing is wrong',
    (cause: Error) => cause.message,
  )
  if (!said.includes(': 503 ')) throw new Error(`without a registry the hub said: ${said}`)
  // A model that is judged too weak ends before the registry is needed.
  const { outcome } = await train(stage).catch(() => ({ outcome: 'failed' }))
  if (outcome === 'published') throw new Error('a release was published without a registry')
}

export const registries: readonly FaultCase[] = [
  {
    name: 'registry-away',
    what: 'PostgreSQL ends while events come in and a training is asked for, and is started again.',
    missing: async () =>
      (await postgresPrograms()) === null ? 'there is no PostgreSQL on this machine' : null,
    async set() {
      const server = await startPostgres((await postgresPrograms()) ?? '')
      return {
        options: { hub: { POSTGRES_URL: server.url, RETRAIN_SESSIONS_MIN: '5' } },
        async fault(stage) {
          await stage.crowd.reaches(0.3)
          await server.stop()
          try {
            // Events pass meanwhile: the crowd would not get this far if they waited for the registry.
            await stage.crowd.reaches(0.8)
            await expectAway(stage)
          } finally {
            await server.start()
          }
        },
        async after(stage) {
          const { outcome, reason } = await train(stage)
          if (outcome === 'too_little') throw new Error(`no training: ${reason}`)
        },
        remove: server.remove,
      }
    },
  },
]
