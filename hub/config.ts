import * as v from 'valibot'
import { canaryLimitsSchema } from '#shared/canary.ts'
import { httpUrl, integer, jsonText, readSettings } from '#shared/settings.ts'
import { sessionIdleMsMaxOf, sitesSchema } from '#shared/sites.ts'
import { type FailAt, failPoints, readFailAt } from './fail-point.ts'
import { compressions, type KafkaSettings, saslMechanisms } from './log/kafka-settings.ts'
import type { S3Settings } from './registry/s3-blobs.ts'
import { tokensSchema } from './tokens.ts'
import { endpointsSchema } from './webhooks/endpoint.ts'

const secret = (sentence: string) =>
  v.pipe(v.string(sentence), v.minLength(32, 'set at least 32 characters'))
const serverUrl = v.pipe(
  v.string(),
  v.check((text) => URL.canParse(text), 'set an address'),
)
const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const

const settingsEntries = v.object({
  SITES: jsonText(sitesSchema, 'set JSON like {"demo":{"writeKeys":["demo"]}}'),
  HUB_HOST: v.optional(v.string(), '127.0.0.1'),
  HUB_PORT: integer({ min: 0, max: 65_535, fallback: 8788 }),
  HUB_DATA_DIR: v.optional(v.string(), '.data/hub'),
  POP_SECRET: secret('set the secret the POPs sign with'),
  ADMIN_TOKEN: v.pipe(
    secret('set the token of operators'),
    // A header carries nothing else, and a blank would end the token.
    v.regex(/^[\x21-\x7e]+$/, 'set letters, digits and signs of ASCII without blanks'),
  ),
  RELEASE_PRIVATE_KEY: v.pipe(
    v.string('set the Ed25519 seed that signs releases (openssl rand -hex 32)'),
    v.regex(/^[0-9a-f]{64}$/, 'set 64 hexadecimal digits'),
  ),
  /** Where releases are pushed to. */
  POP_URLS: v.optional(jsonText(v.array(httpUrl), 'set JSON like ["https://pop.example"]'), '[]'),
  /** Without these three, everything is embedded in this machine. */
  KAFKA_BROKERS: v.optional(
    jsonText(
      v.pipe(v.array(v.string()), v.minLength(1, 'name one broker at least')),
      'set JSON like ["kafka:9092"]',
    ),
  ),
  CLICKHOUSE_URL: v.optional(serverUrl),
  POSTGRES_URL: v.optional(serverUrl),
  /** Where bytes of releases and models lie; on disk without it. */
  S3_ENDPOINT: v.optional(httpUrl),
  S3_BUCKET: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'set the name of a bucket that is there'),
    ),
  ),
  S3_REGION: v.optional(v.pipe(v.string(), v.minLength(1, 'name a region')), 'us-east-1'),
  S3_ACCESS_KEY_ID: v.optional(v.string()),
  S3_SECRET_ACCESS_KEY: v.optional(v.string()),
  /** Goes before the key of every blob. */
  S3_PREFIX: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[a-zA-Z0-9._/-]{0,200}$/, 'set up to 200 letters, digits, dots, dashes, slashes'),
    ),
    '',
  ),
  KAFKA_TLS: v.optional(v.picklist(['true', 'false'], 'set true or false'), 'false'),
  KAFKA_SASL_MECHANISM: v.optional(
    v.picklist(saslMechanisms, `set one of ${saslMechanisms.join(', ')}`),
  ),
  KAFKA_SASL_USERNAME: v.optional(v.string()),
  KAFKA_SASL_PASSWORD: v.optional(v.string()),
  KAFKA_COMPRESSION: v.optional(
    v.picklist(compressions, `set one of ${compressions.join(', ')}`),
    'snappy',
  ),
  /** Goes before the name of every topic and group. */
  KAFKA_TOPIC_PREFIX: v.optional(
    v.pipe(
      v.string(),
      v.regex(
        /^[a-zA-Z0-9._-]{0,100}$/,
        'set up to 100 letters, digits, dots, dashes, underscores',
      ),
    ),
    '',
  ),
  /** Replicas of the topics that the hub makes; -1 leaves it to the broker. */
  KAFKA_REPLICATION: v.pipe(
    v.optional(v.string(), '-1'),
    v.regex(/^(-1|[1-9]|1[0-5])$/, 'set -1, or a whole number from 1 to 15'),
    v.transform(Number),
  ),
  /** Where the policies lie, a file a site (`demo.yaml`); a site without one has the default. */
  POLICY_DIR: v.optional(v.pipe(v.string(), v.minLength(1, 'name a directory'))),
  /** Who else may do what; the admin token may do everything. */
  TOKENS: v.optional(
    jsonText(tokensSchema, 'set JSON like {"ana":{"sha256":"…","roles":["push","promote"]}}'),
    '{}',
  ),
  /** A YAML file of what a pushed model has to be beside the live one. */
  JUDGE_RULES: v.optional(v.pipe(v.string(), v.minLength(1, 'name a file'))),
  /** When a POP ends a canary on its own. */
  CANARY_LIMITS: v.optional(
    jsonText(canaryLimitsSchema, 'set JSON like {"visitorsMin":200,"failureShareMax":0.02}'),
    '{}',
  ),
  /** How long finished trainings lie apart; 0 trains on demand only. */
  RETRAIN_SECONDS: integer({ min: 0, max: 2_592_000, fallback: 3_600 }),
  /** Sessions of two items and more without which there is nothing to learn from. */
  RETRAIN_SESSIONS_MIN: integer({ min: 1, max: 1_000_000, fallback: 100 }),
  /** What the embedded log may hold for a store that is away; past it ingest answers 429. */
  LOG_BYTES_MAX: integer({ min: 1_000_000, max: 1_000_000_000_000, fallback: 20_000_000_000 }),
  /** Who is told of decisions as they are stored. */
  WEBHOOKS: v.optional(
    jsonText(
      endpointsSchema,
      'set JSON like [{"name":"crm","site":"demo","url":"https://…","secret":"whsec_…"}]',
    ),
    '[]',
  ),
  /** Lets webhooks go to private addresses and over plain HTTP. */
  WEBHOOKS_ALLOW_PRIVATE: v.optional(v.picklist(['true', 'false'], 'set true or false'), 'false'),
  /** For trials of crashes only: ends the hub at once when it passes this point. */
  FAIL_POINT: v.optional(
    v.pipe(
      v.string(),
      v.check(
        (text) => readFailAt(text) !== null,
        `set one of ${failPoints.join(', ')}, or one with a count like after_append:3`,
      ),
      v.transform((text) => readFailAt(text) as FailAt),
    ),
  ),
  LOG_LEVEL: v.optional(v.picklist(logLevels, `set one of ${logLevels.join(', ')}`), 'info'),
})

type Settings = v.InferOutput<typeof settingsEntries>

const saslNames = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const
/** Without them releases lie on the disk of the hub. */
const s3Names = ['S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const

/** An endpoint belongs to a site that is here, and its address can be trusted to be who it says. */
const webhooksCheck = v.rawCheck<Settings>(({ dataset, addIssue }) => {
  if (!dataset.typed) return
  const { value: input } = dataset
  const refuse = (message: string) =>
    addIssue({
      message,
      path: [
        { type: 'object', origin: 'value', input: { ...input }, key: 'WEBHOOKS', value: null },
      ],
    })
  for (const { name, site, url } of input.WEBHOOKS) {
    if (!Object.hasOwn(input.SITES, site))
      refuse(`${name} is for ${site}, which is no site of SITES`)
    if (input.WEBHOOKS_ALLOW_PRIVATE === 'false' && !url.startsWith('https:')) {
      refuse(`${name} needs an https address`)
    }
  }
})

/** Settings that come together or not at all. */
function allOrNone(names: readonly (keyof Settings)[]) {
  return v.rawCheck<Settings>(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    const { value: input } = dataset
    const missing = names.filter((name) => !input[name])
    if (missing.length === names.length) return
    for (const key of missing) {
      const value = input[key]
      addIssue({
        message: `set ${names.join(', ')}, or none of them`,
        path: [{ type: 'object', origin: 'value', input: { ...input }, key, value }],
      })
    }
  })
}

const settingsSchema = v.pipe(
  settingsEntries,
  webhooksCheck,
  allOrNone(saslNames),
  allOrNone(s3Names),
)

export type Config = ReturnType<typeof readConfig>

/** Reads every setting of the hub, once. Throws SettingsError with a sentence that says what to set. */
export function readConfig(variables: Readonly<Record<string, string | undefined>>) {
  const settings = readSettings(settingsSchema, variables)
  return {
    siteIds: Object.keys(settings.SITES),
    /** How long a session of a site may pause, as its POPs have it. */
    sessionIdleMsMax: new Map(
      Object.entries(settings.SITES).map(([id, site]) => [id, sessionIdleMsMaxOf(site)]),
    ),
    host: settings.HUB_HOST,
    port: settings.HUB_PORT,
    dataDir: settings.HUB_DATA_DIR,
    popSecret: settings.POP_SECRET,
    adminToken: settings.ADMIN_TOKEN,
    releasePrivateKey: settings.RELEASE_PRIVATE_KEY,
    popUrls: settings.POP_URLS,
    kafka: kafkaOf(settings),
    clickhouseUrl: settings.CLICKHOUSE_URL,
    postgresUrl: settings.POSTGRES_URL,
    s3: s3Of(settings),
    policyDir: settings.POLICY_DIR,
    tokens: settings.TOKENS,
    judgeRules: settings.JUDGE_RULES,
    canaryLimits: settings.CANARY_LIMITS,
    retrainMs: settings.RETRAIN_SECONDS * 1_000,
    retrainSessionsMin: settings.RETRAIN_SESSIONS_MIN,
    logBytesMax: settings.LOG_BYTES_MAX,
    webhooks: settings.WEBHOOKS,
    webhooksAllowPrivate: settings.WEBHOOKS_ALLOW_PRIVATE === 'true',
    failAt: settings.FAIL_POINT,
    logLevel: settings.LOG_LEVEL,
  }
}

/** Null where releases lie on this disk. */
function s3Of(settings: Settings): S3Settings | null {
  const { S3_ENDPOINT: endpoint, S3_BUCKET: bucket = '', S3_REGION: region } = settings
  const { S3_ACCESS_KEY_ID: accessKeyId = '', S3_SECRET_ACCESS_KEY: secretAccessKey = '' } =
    settings
  if (endpoint === undefined) return null
  return { endpoint, bucket, region, accessKeyId, secretAccessKey, prefix: settings.S3_PREFIX }
}

function kafkaOf(settings: Settings): KafkaSettings | null {
  const { KAFKA_SASL_MECHANISM: mechanism } = settings
  const { KAFKA_SASL_USERNAME: username = '', KAFKA_SASL_PASSWORD: password = '' } = settings
  if (!settings.KAFKA_BROKERS) return null
  return {
    brokers: settings.KAFKA_BROKERS,
    tls: settings.KAFKA_TLS === 'true',
    sasl: mechanism ? { mechanism, username, password } : null,
    compression: settings.KAFKA_COMPRESSION,
    topicPrefix: settings.KAFKA_TOPIC_PREFIX,
    replicationFactor: settings.KAFKA_REPLICATION,
  }
}
