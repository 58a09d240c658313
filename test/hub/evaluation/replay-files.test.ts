import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collectSessions } from '#test/bench/collect-sessions.ts'
import { largeShop } from '#test/bench/large-shop.ts'
import { sample } from '#test/bench/sample.ts'
import { readPrefixLines, readSessionLines } from '#test/bench/session-lines.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'shelfedge-lines-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function fileOf(name: string, lines: readonly string[]): string {
  const file = join(directory, name)
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}

async function all<Each>(stream: AsyncIterable<Each>): Promise<Each[]> {
  const found: Each[] = []
  for await (const each of stream) found.push(each)
  return found
}

describe('files of sessions and prefixes', () => {
  it('are read a line at a time, ids as numbers or texts, and bad lines are told of', async () => {
    const malformed: number[] = []
    const file = fileOf('sessions', ['[1,"b",3]', 'nonsense', '', '{"a":1}', '["b"]', '[1.5]'])
    const sessions = await all(readSessionLines(file, (line) => malformed.push(line)))
    expect(sessions).toEqual([{ itemIds: ['1', 'b', '3'] }, { itemIds: ['b'] }])
    expect(malformed).toEqual([2, 4, 6])
  })

  it('of prefixes tell which lines are of one session, in either order', async () => {
    const lines = ['[["a","b"],"c"]', '[["a"],"b"]', '[["x"],"y"]', '[["x","y"],"z"]', '[[],"a"]']
    const malformed: number[] = []
    const file = fileOf('prefixes', lines)
    const questions = await all(readPrefixLines(file, (line) => malformed.push(line)))
    expect(questions.map(({ sessionId }) => sessionId)).toEqual(['1', '1', '2', '2'])
    expect(questions[0]).toMatchObject({ seen: ['a', 'b'], next: ['c'] })
    expect(malformed).toEqual([5])
  })

  it('become dense numbers in the order they appear, oldest first', async () => {
    const file = fileOf('dense', ['["x","y"]', '["y","z","x"]'])
    const { training, numbers } = await collectSessions(readSessionLines(file, () => {}))
    expect([...numbers]).toEqual([
      ['x', 0],
      ['y', 1],
      ['z', 2],
    ])
    expect([...training.items]).toEqual([0, 1, 1, 2, 0])
    expect([...training.sessionOffsets]).toEqual([0, 2, 5])
    expect(training.sessionEndsAtMs[0]).toBeLessThan(training.sessionEndsAtMs[1] as number)
  })

  it('are sampled evenly and in their order', async () => {
    const hundred = async function* () {
      for (let number = 0; number < 100; number++) yield number
    }
    const drawn = await sample(hundred(), 10)
    expect(drawn).toEqual([...new Set(drawn)].sort((one, other) => one - other))
    expect(drawn).toHaveLength(10)
    expect(await sample(hundred(), 10)).toEqual(drawn)
    expect(await sample(hundred())).toHaveLength(100)
  })
})

describe('npm run replay --offline', () => {
  it('trains on a file, answers every prefix, and writes figures and predictions', async () => {
    const shop = [...largeShop({ sessionsTotal: 1_500, itemsTotal: 300, seed: 1 })]
    const train = fileOf(
      'train',
      shop.slice(0, 1_400).map((session) => JSON.stringify(session)),
    )
    const prefixes = fileOf(
      'asked',
      shop.slice(1_400).map((session) => JSON.stringify([session.slice(0, -1), session.at(-1)])),
    )
    const [json, predictions] = [join(directory, 'json'), join(directory, 'predictions')]
    await promisify(execFile)(process.execPath, [
      ...['test/bench/replay.ts', '--offline', '--include-current', '--train', train],
      ...['--prefixes', prefixes, '--json', json, '--predictions', predictions, '--sample', '50'],
    ])
    const { figures } = JSON.parse(readFileSync(json, 'utf8'))
    const lines = readFileSync(predictions, 'utf8').trimEnd().split('\n')
    expect(figures).toMatchObject({ predictions: 50, releaseBytes: expect.any(Number) })
    expect(lines).toHaveLength(50)
    const ranks = lines.map((line) => {
      const [recommended, next] = line.split(';') as [string, string]
      return recommended.split(',').indexOf(next)
    })
    expect(figures.hitRate20).toBeCloseTo(ranks.filter((rank) => rank >= 0).length / 50, 10)
    expect(figures.hitRate20).toBeGreaterThan(0.2)
  }, 120_000)
})
