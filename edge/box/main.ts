import { mkdir, realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { portInUse, SettingsError } from '#shared/settings.ts'
import { bundleWorker } from './bundle.ts'
import { readBoxSettings } from './settings.ts'
import { endLeftBehind } from './take-over.ts'

/** A POP on a box: the worker of `edge/worker.ts` in workerd, its Durable Objects on this disk. */
async function main(): Promise<void> {
  const settings = readBoxSettings(process.env)
  const dataDir = resolve(settings.dataDir)
  await mkdir(dataDir, { recursive: true })
  const leftBehind = await endLeftBehind(await realpath(dataDir))
  if (leftBehind > 0) writeLog('warn', 'ended the runtime that a killed POP had left behind')
  const pop = new Miniflare(
    convertV4MiniflareOptions({
      host: settings.host,
      port: settings.port,
      name: 'shelfedge-pop',
      modules: await bundleWorker(),
      compatibilityDate: '2026-10-01',
      bindings: settings.bindings,
      durableObjects: {
        VISITORS: { className: 'Visitors', useSQLite: true },
        OFFERS: { className: 'Offers', useSQLite: true },
        PROFILES: { className: 'Profiles', useSQLite: true },
        RELEASES: { className: 'ReleaseShelf', useSQLite: true },
      },
      resourcePersistencePath: dataDir,
      handleStructuredLogs: ({ level, message }) => writeLog(level, message),
    }),
  )
  const ready = await pop.ready.catch(async (cause: NodeJS.ErrnoException) => {
    // It fails once more for the same reason, and lets go of what would keep the process.
    await pop.dispose().catch(() => {})
    if (cause.code !== 'ERR_ADDRESS_IN_USE') throw cause
    throw portInUse(settings.port, 'POP_PORT')
  })
  const url = ready.href.replace(/\/$/, '')
  console.log(JSON.stringify({ level: 'info', message: 'pop listening', url }))
  let isStopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      if (isStopping) return
      isStopping = true
      void pop.dispose().then(() => process.exit(0))
    })
  }
}

/** The worker's own lines are JSON already; what the runtime says becomes one. */
function writeLog(level: string, message: string): void {
  console.log(message.startsWith('{') ? message : JSON.stringify({ level, message }))
}

const help = `npm run pop: a POP on this machine, which takes events and answers what to show.
It has no options. Its settings come from the environment or from .env; .env.example has all of them, and
docs/operations/runbook.md the steps. \`npm start\` starts a hub and a POP without any.`

try {
  if (process.argv.includes('--help')) console.log(help)
  else await main()
} catch (cause) {
  if (!(cause instanceof SettingsError)) throw cause
  console.error(`The POP does not start:\n${cause.message}`)
  process.exitCode = 2
}
