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

  it('warns of a model that nothing makes: somebody has to push it', async () => {
    const asking = (model: string) =>
      check(`placements: { v: { kind: verdict, model: ${model}, thresholds: { review: 0.5 } } }`)
    expect(await asking('nosuch')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(
        /is good: 1 placement, 0 rules\.\nWarning: the placement v asks the model nosuch, .* pushes a model of that name\.\n$/,
      ),
    })
    expect((await asking('sentiment')).stdout).not.toContain('Warning')
  })

  it('of a file that is not there says so', async () => {
    const answer = await runProgram('hub/cli/main.ts', {}, ['policy', 'check', 'nowhere.yaml'])
    expect(answer).toMatchObject({ status: 1, stderr: expect.stringContaining('nowhere.yaml') })
  })
})

describe('shelfedge policy test and explain', { timeout: 60_000 }, () => {
  const review = `placements:
  review:
    kind: verdict
    event: { amount: double }
    rules: [{ name: large, verdict: block, when: event.amount > 900.0 }]
  ward:
    kind: alert
    event: { pulse: double }
    acknowledgedBy: Alarm Acknowledged
    levels: [{ severity: high, on: event.pulse > 110.0, off: event.pulse < 100.0, escalateMs: 60000 }]
  welcome:
    kind: offer
    offers:
      - { name: half, budget: { id: spring, issuesMax: 5 }, code: { from: list } }
      - { name: ten, code: TEN }
`
  const cases = (verdict: string) =>
    `- { name: large, placement: review, event: { amount: 1000 }, expect: { verdict: ${verdict} } }\n`
  function ask(command: string, questions: string, ...options: string[]) {
    const [policy, file] = ['policy.yaml', 'cases.yaml'].map((name) => join(directory, name))
    writeFileSync(policy as string, review)
    writeFileSync(file as string, questions)
    const words = ['policy', command, policy as string, file as string]
    return runProgram('hub/cli/main.ts', {}, [...options, ...words])
  }

  it('ends with 0 where the answers are as expected, with 1 and the answer where not', async () => {
    const good = await ask('test', cases('block'))
    expect(good).toMatchObject({ status: 0, stdout: '1 of 1 cases are as expected.\n' })
    const bad = await ask('test', cases('allow'))
    expect(bad).toMatchObject({ status: 1, stdout: expect.stringContaining('"verdict":"block"') })
  })

  it('ends with 1 where a case expects nothing, which no answer could prove wrong', async () => {
    const name = '{ name: large, placement: review, event: { amount: 1000 }'
    for (const nothing of [' }', ', expect: {} }']) {
      expect(await ask('test', `- ${name}${nothing}\n`)).toMatchObject({
        status: 1,
        stdout: expect.stringMatching(
          /^large: it expects nothing; .*\n0 of 1 cases are as expected\.\n$/,
        ),
      })
    }
  })

  it('asks with the events that a question brings, and with what is left of a budget', async () => {
    const questions = `
- { placement: ward, event: { pulse: 120 }, expect: { severity: high, acknowledged: false } }
- placement: ward
  event: { pulse: 120 }
  events: [Alarm Acknowledged]
  expect: { severity: high, acknowledged: true }
- { placement: welcome, expect: { offer: half, code: CODE } }
- { placement: welcome, reservations: { half: budget_spent }, expect: { offer: ten, code: TEN } }
`
    expect(await ask('test', questions)).toMatchObject({
      status: 0,
      stdout: '4 of 4 cases are as expected.\n',
    })
  })

  it('asks by the clock, of an alert that was raised and of which nothing more has come', async () => {
    const raised = Date.parse('2026-01-05T11:58:00Z')
    const memory = JSON.stringify({
      ...{ level: 1, since: raised, notifiedAt: raised, notifiedLevel: 1 },
      ...{ acknowledgedAt: null, escalation: 0 },
    })
    const byClock = `- { placement: ward, by: clock, memory: ${memory}`
    const told = await ask('explain', `${byClock} }\n`, '--json')
    expect(JSON.parse(told.stdout)).toMatchObject([
      {
        answer: { severity: 'high', notify: true, escalation: 1, by: 'clock' },
        effects: [{ name: 'high', on: true }],
      },
    ])
    const early = `${byClock}, at: '2026-01-05T11:58:59Z', expect: { notify: false } }\n`
    expect(await ask('test', early)).toMatchObject({ status: 0 })
    expect(await ask('test', '{ placement: review, by: clock, expect: { a: 1 } }')).toMatchObject({
      ...{ status: 1, stderr: expect.stringContaining('the clock decides nothing of review') },
    })
  })

  it('tells what each rule did', async () => {
    const { status, stdout } = await ask('explain', cases('block'), '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject([
      { answer: { verdict: 'block' }, effects: [{ name: 'large', on: true, failures: 0 }] },
    ])
  })

  it('of a question that is none says what is wrong', async () => {
    expect(await ask('explain', 'placement: nowhere')).toMatchObject({
      ...{ status: 1, stderr: expect.stringContaining('there are review') },
    })
    expect(await ask('test', 'colour: red')).toMatchObject({ status: 1 })
  })
})
