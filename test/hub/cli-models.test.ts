import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adminToken, openTestHub, serveTestHub, type TestHub } from '#test/support/hub.ts'
import { type ReleasePop, startReleasePop } from '#test/support/release-pop.ts'
import { runProgram } from '#test/support/start-program.ts'

const examples = 'test/support/bring-your-own'

let pop: ReleasePop
let hub: TestHub
let served: Awaited<ReturnType<typeof serveTestHub>>
let hubUrl = ''
beforeAll(async () => {
  pop = await startReleasePop('pop-1')
  hub = await openTestHub({ POP_URLS: JSON.stringify([pop.url]) })
  served = await serveTestHub(hub)
  hubUrl = served.url
})
afterAll(async () => {
  served?.close()
  await hub?.close()
  await pop?.close()
})

/** Runs the program as an ML engineer does; the token comes from the environment. */
function shelfedge(...commandLine: string[]) {
  return runProgram('hub/cli/main.ts', { ADMIN_TOKEN: adminToken }, [
    '--hub',
    hubUrl,
    ...commandLine,
  ])
}

function push(
  name: 'gru' | 'embedding',
  more: readonly string[] = [],
  file = `${examples}/${name}.onnx`,
) {
  const declaration = `${examples}/${name}.json`
  return shelfedge(
    'models',
    'push',
    'session-knn',
    file,
    '--declaration',
    declaration,
    '--why',
    name,
    ...more,
  )
}

/** The first digits of a release, as the program tells them to whoever pushed. */
function releaseIn(stdout: string): string {
  return /shelfedge releases canary ([0-9a-f]{12}) --share 0\.05\n$/.exec(stdout)?.[1] ?? ''
}

describe('npx shelfedge models and releases', { timeout: 120_000 }, () => {
  let first = ''
  let second = ''

  it('says what answers before any model was pushed, and where those are that the hub trains', async () => {
    const { status, stdout } = await shelfedge('models', 'list')
    expect(status).toBe(0)
    expect(stdout).toBe(
      'No release is live yet: what is popular answers.\n\nNo model was pushed. `shelfedge trainings` tells what the hub trained, `shelfedge releases` what came of it.\n',
    )
  })

  it('pushes a model, says how it was judged, and what to do next', async () => {
    const pushed = await push('gru')
    expect(pushed).toMatchObject({ status: 0, stderr: '' })
    expect(pushed.stdout).toMatch(
      /^session-knn 1 accepted without a comparison: .*\n\n(.*\n)*modelBytes +\d+\n/,
    )
    first = releaseIn(pushed.stdout)
    expect(first).not.toBe('')
    expect(await shelfedge('releases', 'promote', first, '--why', 'the first')).toMatchObject({
      ...{ status: 0, stdout: `live is ${first}.\n` },
    })
    expect(pop.state.digest?.startsWith(first)).toBe(true)
    const unproven = await push('embedding')
    expect(unproven.status).toBe(1)
    expect(unproven.stdout).toMatch(
      /^session-knn 2 refused \(too_few_to_compare\): .* 200 are needed/,
    )
    const next = await push('embedding', ['--without-comparison'])
    expect(next.stdout).toContain('\nReady at 1 POP.\n')
    second = releaseIn(next.stdout)
    expect(pop.state.standby?.startsWith(second)).toBe(true)
  })

  it('refuses what is no model with a sentence, and keeps that too', async () => {
    const refused = await push('gru', [], `${examples}/gru.json`)
    expect(refused.status).toBe(1)
    expect(refused.stdout).toMatch(/^session-knn 4 refused \(model_unreadable\): \w.*\.\n$/)
    expect(await push('gru', [], 'nowhere.onnx')).toMatchObject({
      ...{ status: 1, stdout: '', stderr: expect.stringMatching(/^nowhere\.onnx cannot be read/) },
    })
  })

  it('lists versions, shows how each was judged, and compares the newest with the champion', async () => {
    const [live, table = ''] = (await shelfedge('models', 'list')).stdout.split('\n\n')
    expect(live).toMatch(
      new RegExp(`^Live is release ${first} of \\d{4}-.*: session-knn \\(sequence\\)\\.$`),
    )
    const listed = table.split('\n')
    expect(listed[0]).toMatch(/^name +version +digest +at +by +bytesTotal +why$/)
    expect(listed.slice(1, 5)).toEqual([
      expect.stringMatching(/^session-knn +4 /),
      expect.stringMatching(/^session-knn +3 .* operator +\d+ +embedding$/),
      expect.stringMatching(/^session-knn +2 .* operator +\d+ +embedding$/),
      expect.stringMatching(/^session-knn +1 .* operator +\d+ +gru$/),
    ])
    const shown = (await shelfedge('models', 'show', 'session-knn')).stdout
    expect(shown).toMatch(new RegExp(`^ *3 .* true .*${second}`, 'm'))
    expect(shown).toMatch(/^ *4 .* false +model_unreadable/m)
    const compared = (await shelfedge('models', 'compare', 'session-knn')).stdout
    expect(compared).toMatch(/^version 4: /)
    expect(await shelfedge('models', 'show', 'nothing')).toMatchObject({
      ...{ status: 1, stderr: expect.stringContaining('has no model nothing') },
    })
  })

  it('canaries, promotes and rolls back, and says what was live at a time, by whom and why', async () => {
    const canaried = await shelfedge('releases', 'canary', second, '--share', '0.2', '--why', 'try')
    expect(canaried.stdout).toMatch(new RegExp(`^canary is ${second} for 20 % of the visitors`))
    expect(pop.state.canary).toMatchObject({ terms: { share: 0.2 } })
    const during = new Date().toISOString()
    const promoted = await shelfedge('releases', 'promote', second, '--why', 'more orders')
    expect(promoted.stdout).toBe(`live is ${second}, before it ${first}.\n`)
    const after = new Date().toISOString()
    const back = await shelfedge('releases', 'rollback', '--why', 'orders fell')
    expect(back.stdout).toBe(`live is ${first}, before it ${second}.\n`)
    expect(pop.state.digest?.startsWith(first)).toBe(true)

    const at = (time: string) => shelfedge('releases', 'history', '--at', time)
    const then = (await at(during)).stdout
    expect(then).toMatch(new RegExp(`^tag +live\\ndigest +${first}[^]*why +the first$`, 'm'))
    expect(then).toMatch(
      new RegExp(`^tag +canary\\ndigest +${second}[^]*why +try\\nshare +0\\.2$`, 'm'),
    )
    const later = (await at(after)).stdout
    expect(later).toMatch(new RegExp(`^digest +${second}[^]*by +operator\\nwhy +more orders$`, 'm'))
    expect(later).toContain('No canary release then.')
    expect((await at('2001-01-01')).stdout).toMatch(/^No live release then\./)
    expect(await at('yesterday')).toMatchObject({ status: 1, stdout: '' })
    const whole = (await shelfedge('releases', 'history')).stdout
    for (const why of ['the first', 'try', 'more orders', 'orders fell'])
      expect(whole).toContain(why)
  })

  it.each([
    ['a share that is none', ['releases', 'canary', 'ab'.repeat(32), '--share', '2'], 2],
    ['a release that nobody made', ['releases', 'promote', 'ab'.repeat(32)], 1],
    ['what is live as its own canary', ['releases', 'canary', 'live'], 1],
  ])('says what is wrong with %s', async (_what, commandLine, status) => {
    const answer = await shelfedge(...commandLine)
    expect(answer).toMatchObject({ status, stdout: '' })
    expect(answer.stderr).toMatch(/\w+ \w+/)
  })
})
