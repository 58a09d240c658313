import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { printable } from '#hub/cli/layout.ts'
import { storeChunk } from '#hub/consume.ts'
import { profileNames } from '#shared/profile.ts'
import { featuresSchema } from '#shared/tabular/feature.ts'
import { chunkOf, eventsOf, messageOf, untilLetter } from '#test/support/dead-letters.ts'
import { baseMs } from '#test/support/events.ts'
import {
  adminToken,
  eventRecord,
  openTestHub,
  serveTestHub,
  type TestHub,
} from '#test/support/hub.ts'
import { runProgram, runUnread } from '#test/support/start-program.ts'

let hub: TestHub
let served: Awaited<ReturnType<typeof serveTestHub>>
let hubUrl = ''
beforeAll(async () => {
  hub = await openTestHub()
  served = await serveTestHub(hub)
  hubUrl = served.url
})
afterAll(async () => {
  served?.close()
  await hub?.close()
})

/** Runs the program as an operator does; the token comes from the environment. */
function shelfedge(...commandLine: string[]) {
  return runProgram('hub/cli/main.ts', { ADMIN_TOKEN: adminToken }, [
    ...['--hub', hubUrl],
    ...commandLine,
  ])
}

async function letterFor(visitor: string, recordText: string): Promise<string> {
  await storeChunk(chunkOf([messageOf(visitor, [recordText])]), hub.environment)
  return untilLetter(hub, visitor)
}

describe('npx shelfedge', { timeout: 60_000 }, () => {
  it('is what package.json says, and can be run', () => {
    const { bin } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect(bin).toEqual({ shelfedge: 'hub/cli/main.ts' })
    expect(readFileSync(bin.shelfedge, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  })

  it('ends quietly where whoever reads it has seen enough', async () => {
    const ended = await runUnread('hub/cli/main.ts', ['--help'])
    expect(ended).toEqual({ status: 0, stderr: '' })
  })

  it('warns of a placement that is live and gone with a policy that is checked', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'shelfedge-check-'))
    const policyOf = (placement: string) =>
      `placements: { ${placement}: { kind: items, model: popularity, itemsMax: 5 } }`
    try {
      // The site is that of the file's name, as the hub reads it; before its first release it has the default policy.
      const file = join(directory, 'shop.yaml')
      writeFileSync(file, policyOf('home'))
      const warned = await shelfedge('policy', 'check', file)
      expect(warned).toMatchObject({ status: 0, stderr: '' })
      expect(warned.stdout).toMatch(
        /is good: 1 placement, 0 rules\.\nWarning: the placement product-page is live for the site shop, and gone with this policy: .*404\.\n$/,
      )
      writeFileSync(file, policyOf('product-page'))
      const kept = await shelfedge('policy', 'check', file, '--json')
      expect(JSON.parse(kept.stdout)).toMatchObject({ ok: true, live: null, gone: [] })
      // A hub that was named has to say it; one that is merely not there is no mistake.
      const other = await shelfedge('policy', 'check', file, '--site', 'nowhere')
      expect(other).toMatchObject({
        status: 1,
        stderr: expect.stringContaining('the sites here are shop'),
      })
      const token = { ADMIN_TOKEN: adminToken }
      const alone = await runProgram('hub/cli/main.ts', token, ['policy', 'check', file], directory)
      expect(alone).toMatchObject({ status: 0, stdout: expect.stringMatching(/0 rules\.\n$/) })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  it('lists what a model may read, and a declaration is checked by the same list', async () => {
    const { status, stdout } = await shelfedge('features', '--json')
    expect(status).toBe(0)
    const listed = (JSON.parse(stdout) as { from: string; what: string }[]).map(({ from }) => from)
    expect(listed).toEqual(expect.arrayContaining(['session.views', 'totals.spend30d']))
    expect(listed).toEqual(expect.arrayContaining(profileNames.map((name) => `profile.${name}`)))
    const accepts = (from: string) =>
      v.is(featuresSchema, [{ name: 'it', from, type: 'number', imputed: 0 }])
    const named = listed.filter((from) => !from.includes('<'))
    expect(named.filter((from) => !accepts(from))).toEqual([])
    expect(accepts('profile.shoeSize')).toBe(false)
  })

  it('lists letters in columns for people, and shows one whole', async () => {
    const record = '{ "kind":"mood", "of": "\\u001b[31mred",  "n": 1.0 }'
    const id = await letterFor('a:mood', record)
    const listed = await shelfedge('deadletters', 'list', '--reason', 'unknown_kind')
    expect(listed).toMatchObject({ status: 0, stderr: '' })
    expect(listed.stdout).toMatch(/^id +at +site +visitor +reason +attempts +state +detail\n/)
    expect(listed.stdout).toMatch(new RegExp(`${id} .* shop +a:mood +unknown_kind +0  waiting`))
    expect(listed.stdout).toMatch(/\n1 of 1\.\n$/)
    const shown = await shelfedge('deadletters', 'show', id)
    expect(shown.stdout).toMatch(/^reason +unknown_kind$/m)
    expect(shown.stdout.endsWith(`\n\n${record}\n`)).toBe(true)
  })

  it('replays a letter once its cause is gone, and ends with 1 while it is not', async () => {
    const { store } = hub.environment
    await store.query("ALTER TABLE events ADD CONSTRAINT calm CHECK event != 'Storm'")
    const id = await letterFor('a:storm', JSON.stringify(eventRecord('s', { event: 'Storm' })))
    const early = await shelfedge('deadletters', 'replay', id)
    expect(early).toMatchObject({ status: 1, stderr: '' })
    expect(early.stdout).toMatch(new RegExp(`^${id} failed again, unstorable_row: as a row of`))
    await store.query('ALTER TABLE events DROP CONSTRAINT calm')
    expect(await shelfedge('deadletters', 'replay', '--reason', 'unstorable_row')).toEqual({
      ...{ status: 0, stderr: '' },
      stdout: '1 replayed, 0 failed again, 0 still waiting.\n',
    })
    expect(await eventsOf(hub, 'a:storm')).toEqual(['s'])
    const again = await shelfedge('deadletters', 'replay', id)
    expect(again).toEqual({ status: 0, stdout: `${id} replayed.\n`, stderr: '' })
    expect(await eventsOf(hub, 'a:storm')).toEqual(['s'])
  })

  it('discards a letter, which is then listed as discarded alone', async () => {
    const id = await letterFor('a:given up', '"nothing"')
    const { stdout } = await shelfedge('deadletters', 'discard', id)
    expect(stdout).toBe(`${id} discarded.\n`)
    const waiting = await shelfedge('deadletters', 'list', '--reason', 'invalid_record')
    expect(waiting.stdout).toBe('No dead letters.\n')
    const listed = await shelfedge('deadletters', 'list', '--state', 'discarded', '--json')
    const { total, letters } = JSON.parse(listed.stdout)
    expect([total, letters[0].id, letters[0].state]).toEqual([1, id, 'discarded'])
  })

  it('tells how far the store is behind, and what memory was needed', async () => {
    const forPeople = await shelfedge('status')
    expect(forPeople.stdout).toMatch(/^partition +messagesNotStored +oldestAppendedAt\n/)
    expect(forPeople.stdout).toMatch(/^hub +\d+$/m)
    const { lag, peakMb } = JSON.parse((await shelfedge('--json', 'status')).stdout)
    expect(lag[0]).toMatchObject({ partition: 0, messages: 0 })
    expect(peakMb.hub).toBeGreaterThan(0)
  })

  it('asks the store', async () => {
    const sql = "SELECT number AS n, 'a' AS letter FROM numbers(9, 2)"
    expect((await shelfedge('query', sql)).stdout).toBe(' n  letter\n 9  a\n10  a\n')
    expect(JSON.parse((await shelfedge('query', sql, '--json')).stdout)).toEqual([
      { n: 9, letter: 'a' },
      { n: 10, letter: 'a' },
    ])
  })

  it('tells of releases, of what was live when and why, and trains', async () => {
    const { registry } = hub.environment
    const digest = 'ab'.repeat(32)
    const at = new Date(baseMs)
    const [site, tag] = ['shop', 'live']
    const release = { digest, site, createdAt: at, createdBy: 'ann', manifest: {}, bytesTotal: 7 }
    await registry.addRelease(release)
    await registry.moveTag({ site, tag, digest, at, by: 'ann', why: 'it is better', share: null })
    expect((await shelfedge('releases')).stdout).toMatch(/^abababababab +live .* ann +7$/m)
    expect((await shelfedge('history', '--site', 'shop')).stdout).toContain('it is better')
  })

  it('ends a training that published nothing with 1, and tells only what there is to tell', async () => {
    const { status, stdout, stderr } = await shelfedge('retrain')
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'reading the sessions from the store\n',
    })
    expect(stdout).toMatch(
      /^too_little: .*\n\npolicy +no file, the default: 1 placement, 2 rules\nsessions +0\n$/,
    )
  })

  it('orders a training without waiting for it, and says later what came of it', async () => {
    const ordered = await shelfedge('retrain', '--no-wait')
    expect(ordered).toMatchObject({ status: 0, stderr: '' })
    const [, number = ''] =
      /^Ordered\. Next: shelfedge trainings show (\d+)\n$/.exec(ordered.stdout) ?? []
    await expect
      .poll(async () => (await shelfedge('trainings', 'show', number)).stdout, { timeout: 20_000 })
      .toMatch(/reading the sessions from the store\n\ntoo_little: 0 sessions/)
    const listed = await shelfedge('trainings', '--site', 'shop')
    expect(listed.stdout).toMatch(
      new RegExp(`^ *${number} +shop +operator .* too_little +0 sessions`, 'm'),
    )
  })
})

describe('npx shelfedge experiments', { timeout: 60_000 }, () => {
  it('lists experiments, and shows what one has done, for people and for machines', async () => {
    expect((await shelfedge('experiments')).stdout).toBe('No experiments: a policy names them.\n')
    const decisions = Array.from({ length: 600 }, (_, number) => ({
      ...{ site: 'shop', visitor: `a:${number}`, decision_id: `d${number}`, placement: 'home' },
      ...{ at: new Date(baseMs).toISOString(), items: [], scores: [] },
      features: JSON.stringify({ variants: { socks: number % 2 ? 'in' : 'out' } }),
    }))
    const orders = Array.from({ length: 300 }, (_, number) => ({
      ...{ site: 'shop', visitor: `a:${number}`, message_id: `order ${number}` },
      ...{ event: 'Order Completed', timestamp: new Date(baseMs + 1).toISOString() },
      properties: JSON.stringify({ total: number % 2 ? 30 : 10 }),
    }))
    const { store } = hub.environment
    await store.insert('decisions', decisions, 'decisions of socks')
    await store.insert('events', orders, 'orders of socks')
    expect((await shelfedge('experiments')).stdout).toMatch(/^socks +false .* in 300, out 300$/m)
    const shown = await shelfedge('experiments', 'socks', '--control', 'out')
    expect(shown.stdout).toMatch(/^out +300 +300 +50.00 % +5.00$/m)
    expect(shown.stdout).toMatch(/^in .* 10.00 \(\d\.\d\d to 1\d\.\d\d\) /m)
    expect(shown.stdout).toContain('The intervals hold at every look, with 95 %.')
    const { stdout } = await shelfedge('experiments', 'socks', '--control', 'out', '--json')
    expect(JSON.parse(stdout).variants[0].revenue.uplift).toMatchObject({ proven: true })
  })
})

describe('the token of npx shelfedge', { timeout: 60_000 }, () => {
  it('is the one that npm start left, where none is set; without any it says what to set', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'shelfedge-cli-'))
    const status = () => runProgram('hub/cli/main.ts', {}, ['--hub', hubUrl, 'status'], directory)
    try {
      expect(await status()).toEqual({
        ...{ status: 1, stdout: '' },
        stderr: expect.stringMatching(
          /^There is no admin token: set --token or ADMIN_TOKEN, .*\n$/,
        ),
      })
      mkdirSync(join(directory, '.data'))
      writeFileSync(join(directory, '.data/admin-token'), `${adminToken}\n`)
      expect(await status()).toMatchObject({ status: 0, stderr: '' })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  it('comes with the address: of an npm start that runs, else of .env', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'shelfedge-cli-'))
    const status = () => runProgram('hub/cli/main.ts', {}, ['status'], directory)
    const { port } = new URL(hubUrl)
    try {
      mkdirSync(join(directory, '.data'))
      writeFileSync(join(directory, '.data/admin-token'), 'of-an-npm-start-that-was-stopped')
      writeFileSync(join(directory, '.env'), `ADMIN_TOKEN=${adminToken}\nHUB_PORT=${port}\n`)
      expect(await status()).toMatchObject({ status: 0, stderr: '' })
      writeFileSync(join(directory, '.data/admin-token'), adminToken)
      writeFileSync(join(directory, '.data/hub-url'), hubUrl)
      writeFileSync(join(directory, '.env'), 'ADMIN_TOKEN=of-another-hub\nHUB_PORT=1\n')
      expect(await status()).toMatchObject({ status: 0, stderr: '' })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

describe('npx shelfedge that cannot do it', { timeout: 60_000 }, () => {
  it.each([
    ['an id that no letter has', ['deadletters', 'show', '0123'], /no dead letter 0123/],
    ['an id that is none', ['deadletters', 'discard', '../query'], /no dead letter/],
    ['a limit that is too large', ['deadletters', 'list', '--limit', '9999'], /1 to 1000/],
    ['a query that writes', ['query', 'DROP TABLE events'], /may not do anything but SELECT/],
    ['an unknown site', ['releases', '--site', 'nowhere'], /the sites here are shop/],
    ['a training that is not there', ['trainings', 'show', '999999'], /no such training/],
    [
      'a wrong token',
      ['status', '--token', 'wrong'],
      /^The hub at http:\S+ does not know this token/,
    ],
    ['a token no header carries', ['status', '--token', 'ä'], /no header carries/],
    ['a hub that is not there', ['status', '--hub', 'http://127.0.0.1:1'], /^No hub answers at/],
  ])('for %s ends with 1 and one sentence', async (_why, commandLine, sentence) => {
    const { status, stdout, stderr } = await shelfedge(...commandLine)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(sentence)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  it.each([
    ['no command', []],
    ['an unknown command', ['dance']],
    ['an unknown option', ['status', '--loud']],
    ['a query without SQL', ['query']],
    ['a replay of nothing', ['deadletters', 'replay']],
    ['a training that is no number', ['trainings', 'show', 'last']],
    ['a replay of one and of all', ['deadletters', 'replay', '0123', '--all']],
    ['an address that is none', ['--hub', 'here', 'status']],
  ])('since it was asked wrongly, with %s, ends with 2', async (_why, commandLine) => {
    const { status, stdout, stderr } = await shelfedge(...commandLine)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).not.toMatch(/\n +at /)
  })

  it.each([
    [[]],
    [['deadletters', 'list']],
    [['deadletters', 'show']],
    [['deadletters', 'replay']],
    [['deadletters', 'discard']],
    [['status']],
    [['query']],
    [['releases']],
    [['history']],
    [['retrain']],
    [['trainings']],
    [['trainings', 'show']],
    [['policy', 'check']],
    [['experiments']],
    [['releases', 'estimate']],
    [['decisions', 'show']],
    [['decisions', 'replay']],
  ])('is helped by an example: %j', async (commandLine) => {
    const { status, stdout } = await shelfedge(...commandLine, '--help')
    expect(status).toBe(0)
    expect(stdout).toMatch(/Example: shelfedge /)
    expect(stdout).toContain('--hub <url>')
  })
})

it('text of visitors moves no cursor', () => {
  expect(printable('a\u001b[2Jb\r\u009b\u202ec\n\td')).toBe(
    'a\\u001b[2Jb\\u000d\\u009b\\u202ec\n\td',
  )
})
