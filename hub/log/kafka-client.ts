/** The driver, kafkajs, set up as every part of the log on Kafka needs it. */

import { Kafka, logLevel, type RetryOptions, type SASLOptions } from 'kafkajs'
import { registerCodecs } from './kafka-codecs.ts'
import { quietIdleQueues } from './kafka-idle.ts'
import type { KafkaSasl, KafkaSettings } from './kafka-settings.ts'

/** Where the cluster is, and how to come in. */
export interface KafkaAccess extends Pick<KafkaSettings, 'brokers' | 'tls' | 'sasl'> {
  readonly clientId: string
  /** Told what the driver has to say, from warnings on. */
  readonly onLog: (message: string, fields: Record<string, unknown>) => void
}

/** For ever: with its own number of retries kafkajs ends a producer whose broker was away for a minute. */
export const retryForever = {
  initialRetryTime: 100,
  maxRetryTime: 5_000,
  retries: Number.MAX_SAFE_INTEGER,
} as const satisfies RetryOptions

/** Half a minute is kafkajs's own; a frozen broker must be given up while its followers are asked to take over. */
const requestTimeoutMs = 10_000
const connectionTimeoutMs = 3_000

export function kafkaClient({ brokers, clientId, tls, sasl, onLog }: KafkaAccess): Kafka {
  registerCodecs()
  quietIdleQueues()
  return new Kafka({
    clientId,
    brokers: [...brokers],
    ssl: tls,
    ...(sasl && { sasl: saslOptions(sasl) }),
    retry: retryForever,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: connectionTimeoutMs,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => onLog(entry.log.message, { label: entry.label, ...entry.log }),
  })
}

/** Of all mechanisms kafkajs's types make one; a user and a password is what each of ours takes. */
function saslOptions({ mechanism, username, password }: KafkaSasl): SASLOptions {
  return { mechanism, username, password } as SASLOptions
}
