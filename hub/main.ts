import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { SettingsError } from '#shared/settings.ts'
import { hubApp } from './app.ts'
import { readConfig } from './config.ts'
import { consume } from './consume.ts'
import { closeEnvironment, openEnvironment } from './environment.ts'
import { Schedule } from './schedule.ts'

/** The hub: ingest, log, store, training, registry and publishing in one process. */
async function main(): Promise<void> {
  const config = readConfig(process.env)
  const environment = await openEnvironment(config)
  const schedule = new Schedule(environment)
  const consumption = await consume(environment)
  const app = hubApp(environment, schedule)
  const server = serve(
    { fetch: app.fetch, hostname: config.host, port: config.port },
    (info: AddressInfo) => {
      const url = `http://${config.host}:${info.port}`
      environment.logger.info({ url, publicKey: environment.publicKeyHex }, 'hub listening')
    },
  )
  environment.publisher.start()
  environment.eraser.start()
  schedule.start()

  async function stop(): Promise<void> {
    server.close()
    await schedule.stop()
    await consumption.stop()
    await closeEnvironment(environment)
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop())
}

try {
  await main()
} catch (cause) {
  if (!(cause instanceof SettingsError)) throw cause
  console.error(`The hub does not start:\n${cause.message}`)
  process.exitCode = 2
}
