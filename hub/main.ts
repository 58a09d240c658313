import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { portInUse, SettingsError } from '#shared/settings.ts'
import { hubApp } from './app.ts'
import { type Config, readConfig } from './config.ts'
import { consume } from './consume.ts'
import { drain } from './drain.ts'
import { closeEnvironment, type Environment, openEnvironment } from './environment.ts'
import { Schedule } from './schedule.ts'
import { tellWhatIsLeft } from './what-is-left.ts'

/** How long requests that run may still take after SIGTERM, and how long stopping may take in all. */
const drainMs = 5_000
const stopMs = 20_000

/** The hub: ingest, log, store, training, registry and publishing in one process. */
async function main(): Promise<void> {
  const config = readConfig(process.env)
  const environment = await openEnvironment(config)
  await tellWhatIsLeft(environment)
  const schedule = new Schedule(environment)
  const consumption = await consume(environment)
  const app = hubApp(environment, schedule)
  const server = await listen(app, config).catch(async (cause) => {
    await consumption.stop()
    await closeEnvironment(environment)
    throw cause
  })
  const url = `http://${config.host}:${(server.address() as AddressInfo).port}`
  environment.logger.info({ url, publicKey: environment.publicKeyHex }, 'hub listening')
  environment.publisher.start()
  environment.eraser.start()
  environment.webhooks.start()
  await schedule.trainings.start()
  schedule.start()

  // A Ctrl-C reaches the hub, and so does what whoever started it says of the same; one more ends it at once.
  let isStopping = false
  const stop = () => {
    if (isStopping) return
    isStopping = true
    void stopWithin(stopMs, environment, async () => {
      await drain(server, drainMs)
      await schedule.stop()
      await consumption.stop()
      await closeEnvironment(environment)
    })
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
}

/** Resolves when requests are taken. Throws a sentence where the port is somebody else's. */
function listen(app: ReturnType<typeof hubApp>, { host, port }: Config): Promise<Server> {
  return new Promise((listening, refuse) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, () =>
      listening(server as Server),
    )
    server.once('error', (cause: NodeJS.ErrnoException) =>
      refuse(cause.code === 'EADDRINUSE' ? portInUse(port, 'HUB_PORT') : cause),
    )
  })
}

/** Stops in order, or leaves: whatever was not finished is as safe as after a crash. */
async function stopWithin(
  timeMaxMs: number,
  { logger }: Environment,
  stop: () => Promise<void>,
): Promise<void> {
  setTimeout(() => {
    logger.warn({ timeMaxMs }, 'stopping took too long; what is not stored waits in the log')
    process.exit(1)
  }, timeMaxMs).unref()
  logger.info('stopping')
  await stop()
  process.exit(0)
}

const help = `npm run hub: ingest, log, store, training and publishing in one process.
It has no options. Its settings come from the environment or from .env; .env.example has all of them, and
docs/operations/runbook.md the steps. \`npm start\` starts a hub and a POP without any.`

try {
  if (process.argv.includes('--help')) console.log(help)
  else await main()
} catch (cause) {
  if (!(cause instanceof SettingsError)) throw cause
  console.error(`The hub does not start:\n${cause.message}`)
  process.exitCode = 2
}
