/** What may be set of the log on Kafka; apart from the adapter, so that reading settings loads no driver. */

export const compressions = ['snappy', 'gzip', 'lz4', 'zstd', 'none'] as const
export type Compression = (typeof compressions)[number]

export const saslMechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const

/** Who the hub says it is to the cluster. */
export interface KafkaSasl {
  readonly mechanism: (typeof saslMechanisms)[number]
  readonly username: string
  readonly password: string
}

export interface KafkaSettings {
  readonly brokers: readonly string[]
  /** Whether to speak TLS, with the certificate authorities that Node trusts (NODE_EXTRA_CA_CERTS adds one). */
  readonly tls: boolean
  readonly sasl: KafkaSasl | null
  readonly compression: Compression
  /** Goes before the name of every topic and group: the environment, the region, or both. */
  readonly topicPrefix: string
  /** Replicas of a topic that is made here; -1 leaves it to the broker. */
  readonly replicationFactor: number
}
