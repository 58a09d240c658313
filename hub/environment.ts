import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'
import { importPopKey } from '#shared/keys.ts'
import type { Config } from './config.ts'
import { failer } from './fail-point.ts'
import { readJudgeRules } from './judging/rules.ts'
import type { Log } from './log/log.ts'
import { openSqliteLog } from './log/sqlite-log.ts'
import { hubMetrics } from './metrics.ts'
import { memoryNonces } from './nonces.ts'
import { PopOutboxes } from './pop-outboxes.ts'
import { Publisher } from './publishing/publisher.ts'
import { openDiskBlobs } from './registry/disk-blobs.ts'
import { openRegistry } from './registry/open-registry.ts'
import { openS3Blobs } from './registry/s3-blobs.ts'
import { importReleaseKey } from './release-key.ts'
import { openStore } from './store/open-store.ts'
import { callerFinder } from './tokens.ts'
import { Eraser } from './visitors/eraser.ts'
import { Erasures } from './visitors/erasures.ts'
import { deliveryRules } from './webhooks/deliverer.ts'
import { Webhooks } from './webhooks/webhooks.ts'

export type Environment = Awaited<ReturnType<typeof openEnvironment>>

/** Everything the hub may need from outside, opened once. Clock and ids come from here alone. */
export async function openEnvironment(config: Config) {
  const logger = openLogger(config)
  const now = () => Date.now()
  const newId = () => randomUUID() as string
  const judgeRules = readJudgeRules(config.judgeRules)
  const metrics = hubMetrics({ ...config, startedAtMs: now() })
  // It takes some seconds, the first time more: who waits is told what for.
  logger.info({ dataDir: config.dataDir }, 'opening the log, the store and the registry …')
  const openedAtMs = now()
  const told = async <Part>(name: string, part: Promise<Part>): Promise<Part> => {
    const opened = await part
    logger.info({ afterMs: now() - openedAtMs }, `${name} is open`)
    return opened
  }
  // First: it is what keeps a second hub out of the data directory.
  const log = await told('the log', openLog(config, logger, now))
  const [store, registry, blobs, releaseKey, popKey] = await Promise.all([
    told(
      'the store',
      openStore({
        dataDir: config.dataDir,
        ...(config.clickhouseUrl ? { url: config.clickhouseUrl } : {}),
        onExit: (how) => logger.error({ how }, 'the embedded store ended and is started again'),
      }),
    ),
    told(
      'the registry',
      openRegistry({
        nowMs: now,
        dataDir: config.dataDir,
        onIdleError: (cause) =>
          logger.warn({ reason: String(cause) }, 'a registry connection broke'),
        ...(config.postgresUrl ? { url: config.postgresUrl } : {}),
      }),
    ),
    config.s3 ? openS3Blobs(config.s3) : openDiskBlobs(join(config.dataDir, 'releases')),
    importReleaseKey(config.releasePrivateKey),
    importPopKey(config.popSecret),
  ])
  const signature = { key: releaseKey.privateKey, now, newId }
  const { popUrls, siteIds } = config
  const publisher = new Publisher({
    ...{ popUrls, siteIds, registry, blobs, metrics, logger },
    canaryLimits: config.canaryLimits,
    ...signature,
  })
  const webhooks = new Webhooks({
    ...{ directory: join(config.dataDir, 'webhooks'), endpoints: config.webhooks },
    ...{ allowPrivate: config.webhooksAllowPrivate, rules: deliveryRules },
    ...{ metrics, logger, now, random: () => Math.random() },
  })
  const erasures = new Erasures()
  const eraser = new Eraser({
    ...{ popUrls, registry, store, webhooks, erasures, metrics, logger },
    ...signature,
  })
  await eraser.load()
  return {
    ...{ config, logger, now, newId, metrics, store, registry, blobs, log, publisher, popKey },
    ...{ signature, erasures, eraser, webhooks },
    failPoint: failer(config.failAt, () => process.kill(process.pid, 'SIGKILL')),
    publicKeyHex: releaseKey.publicKeyHex,
    nonces: memoryNonces(now),
    popOutboxes: new PopOutboxes(),
    judgeRules,
    findCaller: callerFinder(config.tokens, config.adminToken),
  }
}

/** Closes what was opened, the takers before what they write to. */
export async function closeEnvironment(environment: Environment): Promise<void> {
  await environment.publisher.stop()
  await environment.eraser.stop()
  await environment.log.close()
  await environment.webhooks.stop()
  await environment.store.close()
  await environment.registry.close()
  // What watches the process for it lets go.
  environment.metrics.registry.clear()
}

async function openLog(
  { kafka, dataDir, logBytesMax }: Config,
  logger: Logger,
  nowMs: () => number,
): Promise<Log> {
  if (kafka) {
    // Loaded where it is used: nobody on one machine pays for a Kafka client.
    const { openKafkaLog } = await import('./log/kafka-log.ts')
    return openKafkaLog({
      ...kafka,
      clientId: 'shelfedge-hub',
      nowMs,
      onLog: (message, fields) => logger.warn(fields, message),
    })
  }
  return openSqliteLog({ directory: join(dataDir, 'log'), sizeBytesMax: logBytesMax, nowMs })
}

/** Lines of JSON for machines; for people where a terminal is watching. */
function openLogger({ logLevel }: Config): Logger {
  const options = { level: logLevel, redact: ['*.authorization', '*.token', '*.secret'] }
  if (!process.stdout.isTTY) return pino(options)
  return pino({ ...options, transport: { target: 'pino-pretty' } })
}
