import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfig } from '#hub/config.ts'
import { SettingsError } from '#shared/settings.ts'
import { hubVariables } from '#test/support/hub.ts'
import { runProgram } from '#test/support/start-program.ts'
import { webhookSecret } from '#test/support/webhook-receiver.ts'

function sentencesOf(variables: Readonly<Record<string, string>>): string[] {
  try {
    readConfig(variables)
  } catch (cause) {
    if (cause instanceof SettingsError) return cause.message.split('\n')
    throw cause
  }
  throw new Error('the settings were taken')
}

describe('storage for releases', () => {
  const s3 = {
    ...{ S3_ENDPOINT: 'http://127.0.0.1:9000/', S3_BUCKET: 'releases' },
    ...{ S3_ACCESS_KEY_ID: 'key', S3_SECRET_ACCESS_KEY: 'hunter2' },
  }

  it('is read whole', () => {
    expect(readConfig({ ...hubVariables, ...s3, S3_PREFIX: 'eu/' }).s3).toEqual({
      ...{ endpoint: 'http://127.0.0.1:9000', bucket: 'releases', region: 'us-east-1' },
      ...{ accessKeyId: 'key', secretAccessKey: 'hunter2', prefix: 'eu/' },
    })
  })

  it('is set whole or not at all, and its secret is never shown', () => {
    const { S3_BUCKET: _, ...partly } = s3
    expect(sentencesOf({ ...hubVariables, ...partly })).toEqual([
      'S3_BUCKET is not set: set S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, or none of them.',
    ])
    const wrong = sentencesOf({ ...hubVariables, ...s3, S3_BUCKET: '../x', S3_ENDPOINT: 's3' })
    expect(wrong).toHaveLength(2)
    expect(wrong.join()).not.toContain('hunter2')
  })

  it.each([
    ['S3_ENDPOINT', 'https://key:hunter2@s3.test'],
    ['S3_ENDPOINT', 'https://hunter2@s3.test'],
    ['POP_URLS', '["https://pop:hunter2@pop.test"]'],
  ])('takes no name and password in %s, and does not print them: %s', (name, value) => {
    const wrong = sentencesOf({ ...hubVariables, ...s3, [name]: value })
    expect(wrong).toEqual([expect.stringMatching(/without a name and a password in it\.$/)])
    expect(wrong[0]).toContain(`${name} is (not shown), which is not allowed`)
  })
})

describe('the settings of a hub', () => {
  it('are read with their defaults: on loopback, everything embedded', () => {
    expect(readConfig(hubVariables)).toMatchObject({
      ...{ siteIds: ['shop'], host: '127.0.0.1', port: 8788, popUrls: [], retrainMs: 3_600_000 },
      ...{ kafka: null, clickhouseUrl: undefined, postgresUrl: undefined, s3: null },
    })
  })

  it.each([
    ['HUB_PORT', '70000', 'set a whole number from 0 to 65535'],
    ['HUB_PORT', 'http', 'set a whole number from 0 to 65535'],
    ['RETRAIN_SECONDS', '-1', 'set a whole number from 0 to 2592000'],
    ['RETRAIN_SECONDS', '0.5', 'set a whole number from 0 to 2592000'],
    ['RETRAIN_SESSIONS_MIN', '0', 'set a whole number from 1 to 1000000'],
    ['LOG_BYTES_MAX', '1', 'set a whole number from 1000000 to 1000000000000'],
    [
      'FAIL_POINT',
      'after_lunch',
      'set one of before_append, after_append, during_insert, after_insert, during_training, during_publish, or one with a count like after_append:3',
    ],
    ['LOG_LEVEL', 'loud', 'set one of debug, info, warn, error, silent'],
    ['KAFKA_BROKERS', 'kafka:9092', 'set JSON like ["kafka:9092"]'],
    ['KAFKA_BROKERS', '[]', 'name one broker at least'],
    ['KAFKA_TLS', 'yes', 'set true or false'],
    ['KAFKA_COMPRESSION', 'brotli', 'set one of snappy, gzip, lz4, zstd, none'],
    ['KAFKA_TOPIC_PREFIX', 'eu/', 'set up to 100 letters, digits, dots, dashes, underscores'],
    ['KAFKA_REPLICATION', '0', 'set -1, or a whole number from 1 to 15'],
    ['KAFKA_REPLICATION', 'three', 'set -1, or a whole number from 1 to 15'],
  ])(
    'stop the start where %s is %s, naming it, its value and what is allowed',
    (name, value, allowed) => {
      expect(sentencesOf({ ...hubVariables, [name]: value })).toEqual([
        `${name} is ${JSON.stringify(value)}, which is not allowed: ${allowed}.`,
      ])
    },
  )

  it.each([
    [
      [{ name: 'crm', site: 'shop', url: 'http://crm.example', secret: webhookSecret }],
      'crm needs an https address',
    ],
    [
      [{ name: 'crm', site: 'shoe', url: 'https://crm.example', secret: webhookSecret }],
      'crm is for shoe, which is no site of SITES',
    ],
  ])('stop the start where a webhook is %j', (webhooks, sentence) => {
    expect(sentencesOf({ ...hubVariables, WEBHOOKS: JSON.stringify(webhooks) })).toEqual([
      `WEBHOOKS is (not shown), which is not allowed: ${sentence}.`,
    ])
  })

  it.each([
    ['SITES', 'demo', 'set JSON like {"demo":{"writeKeys":["demo"]}}'],
    ['SITES', '{}', 'at least one site is needed'],
    [
      'SITES',
      '{"a":{"writeKeys":["k"]},"b":{"writeKeys":["k"]}}',
      'a write key belongs to one site',
    ],
    ['POP_SECRET', 'hunter2', 'set at least 32 characters'],
    ['ADMIN_TOKEN', 'hunter2', 'set at least 32 characters'],
    ['ADMIN_TOKEN', 'a token that no header could carry', 'without blanks'],
    ['RELEASE_PRIVATE_KEY', 'AB'.repeat(32), 'set 64 hexadecimal digits'],
    ['CLICKHOUSE_URL', 'hunter2', 'set an address'],
    ['POSTGRES_URL', 'hunter2', 'set an address'],
  ])('stop the start where %s is wrong, and do not show what it was', (name, value, allowed) => {
    const [sentence, ...others] = sentencesOf({ ...hubVariables, [name]: value })
    expect(others).toEqual([])
    expect(sentence).toMatch(new RegExp(`^${name} is \\(not shown\\), which is not allowed`))
    expect(sentence).toContain(allowed)
    expect(sentence?.replace(allowed, '')).not.toContain(value)
  })

  const sasl = {
    KAFKA_SASL_MECHANISM: 'scram-sha-512',
    KAFKA_SASL_USERNAME: 'hub',
    KAFKA_SASL_PASSWORD: 'hunter2',
  }
  const kafka = { ...hubVariables, KAFKA_BROKERS: '["kafka:9092"]' }

  it('of a Kafka cluster are read together', () => {
    const tuned = { KAFKA_TLS: 'true', KAFKA_TOPIC_PREFIX: 'eu.', KAFKA_REPLICATION: '3' }
    expect(readConfig({ ...kafka, ...sasl, ...tuned }).kafka).toEqual({
      ...{ brokers: ['kafka:9092'], tls: true, compression: 'snappy' },
      ...{ topicPrefix: 'eu.', replicationFactor: 3 },
      sasl: { mechanism: 'scram-sha-512', username: 'hub', password: 'hunter2' },
    })
    expect(readConfig(kafka).kafka).toEqual({
      ...{ brokers: ['kafka:9092'], tls: false, sasl: null, compression: 'snappy' },
      ...{ topicPrefix: '', replicationFactor: -1 },
    })
  })

  it.each(Object.keys(sasl))('of a login at Kafka stop the start where %s is left out', (name) => {
    const { [name]: _gone, ...rest } = { ...kafka, ...sasl } as Record<string, string>
    const all = 'KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD'
    expect(sentencesOf(rest)).toEqual([`${name} is not set: set ${all}, or none of them.`])
  })

  it('know three ways to log in at Kafka, and say so', () => {
    expect(sentencesOf({ ...kafka, ...sasl, KAFKA_SASL_MECHANISM: 'gssapi' })).toEqual([
      'KAFKA_SASL_MECHANISM is "gssapi", which is not allowed: set one of plain, scram-sha-256, scram-sha-512.',
    ])
  })

  it('stop the start where a POP has no address', () => {
    const [sentence] = sentencesOf({ ...hubVariables, POP_URLS: '["https://a.example","ftp://b"]' })
    expect(sentence).toMatch(/^POP_URLS is .* at 1: set an http or https address\.$/)
  })

  it.each(Object.keys(hubVariables))('stop the start without %s, and say what to set', (name) => {
    const { [name]: _gone, ...rest } = hubVariables as Record<string, string>
    expect(sentencesOf(rest)).toEqual([expect.stringMatching(`^${name} is not set: set .*\\.$`)])
  })

  it('are all named at once where several are wrong', () => {
    const sentences = sentencesOf({ ...hubVariables, HUB_PORT: 'x', LOG_LEVEL: 'y' })
    expect(sentences.map((sentence) => sentence.split(' ')[0])).toEqual(['HUB_PORT', 'LOG_LEVEL'])
  })
})

it('a hub with a wrong setting ends with code 2 and says so, before it touches the disk', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'shelfedge-config-'))
  try {
    const settings = { ...hubVariables, HUB_DATA_DIR: join(directory, 'hub'), HUB_PORT: 'x' }
    const { status, stdout, stderr } = await runProgram('hub/main.ts', settings)
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'The hub does not start:\nHUB_PORT is "x", which is not allowed: set a whole number from 0 to 65535.\n',
    })
    expect(readdirSync(directory)).toEqual([])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

it.each([
  ['hub', 'hub/main.ts'],
  ['pop', 'edge/box/main.ts'],
])('npm run %s --help says where its settings are, without any', async (name, program) => {
  const { status, stdout, stderr } = await runProgram(program, {}, ['--help'])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(new RegExp(`^npm run ${name}: `))
  expect(stdout).toContain('.env.example')
})
