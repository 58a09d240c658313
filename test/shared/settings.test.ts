import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { readConfig } from '#edge/config.ts'
import { httpUrl, integer, jsonText, readSettings, SettingsError } from '#shared/settings.ts'
import { popSecret, releasePublicKeyHex } from '#test/support/keys.ts'

const good = {
  SITES: '{"demo":{"writeKeys":["demo-key"]}}',
  HUB_URL: 'https://hub.test/',
  POP_ID: 'pop-1',
  POP_SECRET: popSecret,
  RELEASE_PUBLIC_KEY: releasePublicKeyHex,
}

function sentenceOf(read: () => unknown): string {
  try {
    read()
  } catch (cause) {
    if (cause instanceof SettingsError) return cause.message
    throw cause
  }
  throw new Error('the settings were taken')
}

describe('the settings of a POP', () => {
  it('are read with their defaults', () => {
    expect(readConfig(good)).toMatchObject({
      siteIds: ['demo'],
      hubUrl: 'https://hub.test',
      visitorShards: 0,
      region: 'local',
    })
  })

  it.each([
    ['HUB_URL', 'hub.test', 'http or https'],
    ['POP_ID', 'pop 1', 'letters, digits'],
    ['POP_SECRET', 'short', 'at least 32 characters'],
    ['RELEASE_PUBLIC_KEY', 'beef', '64 hexadecimal digits'],
    ['VISITOR_SHARDS', '-1', 'from 0 to 256'],
    ['VISITOR_SHARDS', 'many', 'from 0 to 256'],
    ['VISITOR_SHARDS', '1.5', 'from 0 to 256'],
    ['OUTBOX_BYTES_MAX', '1', 'from 65536'],
    ['SITES', '{', 'set JSON like'],
    ['SITES', '{}', 'at least one site'],
    ['SITES', '{"demo":{"writeKeys":[]}}', 'writeKeys'],
    ['SITES', '{"Demo":{"writeKeys":["k"]}}', 'a-z, 0-9'],
    ['SITES', '{"a":{"writeKeys":["k"]},"b":{"writeKeys":["k"]}}', 'belongs to one site'],
  ])('stop the start with a sentence where %s is %s', (name, value, allowed) => {
    const sentence = sentenceOf(() => readConfig({ ...good, [name]: value }))
    expect(sentence).toContain(`${name} is `)
    expect(sentence).toContain(allowed)
  })

  it.each(Object.keys(good))('say that %s is not set, and what to set', (name) => {
    const { [name]: _gone, ...rest } = good as Record<string, string>
    expect(sentenceOf(() => readConfig(rest))).toMatch(new RegExp(`^${name} is not set: set `))
  })

  it('name every wrong one at once', () => {
    const sentence = sentenceOf(() => readConfig({ ...good, POP_ID: ' ', VISITOR_SHARDS: 'x' }))
    expect(sentence.split('\n').map((line) => line.split(' ')[0])).toEqual([
      'POP_ID',
      'VISITOR_SHARDS',
    ])
  })
})

describe('a wrong value', () => {
  const schema = v.object({
    PORT: integer({ min: 1, max: 65_535, fallback: 80 }),
    API_TOKEN: v.optional(v.pipe(v.string(), v.minLength(99, 'set 99 characters'))),
    DATABASE_URL: v.optional(httpUrl),
    SITES: v.optional(jsonText(v.object({ a: v.number('set a number') }), 'set JSON')),
  })

  it('is shown where it is no secret', () => {
    expect(sentenceOf(() => readSettings(schema, { PORT: '99999' }))).toBe(
      'PORT is "99999", which is not allowed: set a whole number from 1 to 65535.',
    )
  })

  it.each(['API_TOKEN', 'DATABASE_URL'])('is never shown where it is a secret: %s', (name) => {
    const sentence = sentenceOf(() => readSettings(schema, { [name]: 'hunter2' }))
    expect(sentence).toContain(`${name} is (not shown)`)
    expect(sentence).not.toContain('hunter2')
  })

  it('inside JSON is named by its place', () => {
    const sentence = sentenceOf(() => readSettings(schema, { SITES: '{"a":"hunter2"}' }))
    expect(sentence).toBe('SITES is (not shown), which is not allowed at a: set a number.')
  })
})
