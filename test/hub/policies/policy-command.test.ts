import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runProgram } from '#test/support/start-program.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'shelfedge-policy-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function check(text: string, ...options: string[]) {
  const file = join(directory, 'demo.yaml')
  writeFileSync(file, text)
  return runProgram('hub/cli/main.ts', {}, [...options, 'policy', 'check', file])
}

const policyWith = (keep: string) => `placements:
  home:
    kind: items
    model: popularity
    itemsMax: 5
    rules:
      - name: cheap
        effect: filter
        keep: ${keep}
`

describe('shelfedge policy check', { timeout: 60_000 }, () => {
  it('asks no hub and no token, and says what is good', async () => {
    const { status, stdout } = await check(policyWith('item.price < 5'))
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/demo\.yaml is good: 1 placement, 1 rule\.\n$/),
    })
  })

  it('ends with 1 and the line and column of what is wrong, for people and for machines', async () => {
    const forPeople = await check(policyWith('item.prise < 5'))
    expect(forPeople.status).toBe(1)
    expect(forPeople.stdout).toMatch(
      /demo\.yaml:9:20 placements\.home\.rules\.0\.keep: No such key: prise\n$/,
    )
    const forMachines = await check(policyWith('item.prise < 5'), '--json')
    expect(forMachines.status).toBe(1)
    expect(JSON.parse(forMachines.stdout)).toMatchObject({
      ...{ ok: false, mistakes: [{ line: 9, column: 20, sentence: 'No such key: prise' }] },
    })
  })

  it('of a file that is not there says so', async () => {
    const answer = await runProgram('hub/cli/main.ts', {}, ['policy', 'check', 'nowhere.yaml'])
    expect(answer).toMatchObject({ status: 1, stderr: expect.stringContaining('nowhere.yaml') })
  })
})
