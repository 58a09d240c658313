import { readFileSync } from 'node:fs'
import { parse } from 'node:path'
import type { Command } from 'commander'
import { tryCompile } from '#shared/policy/compile.ts'
import { othersModels } from '#shared/policy/learnings.ts'
import type { Policy } from '#shared/policy.ts'
import { parsePolicy, tellMistakes } from '../policies/parse-policy.ts'
import {
  isAsExpected,
  type PolicyQuestion,
  readQuestions,
  tryQuestion,
} from '../policies/try-policy.ts'
import { CommandFailed } from './hub-client.ts'
import { columns, counted, printable } from './layout.ts'
import type { FindLive, RunHere } from './run.ts'

/** Adds `policy` with what can be done to a policy file. A hub is asked for what is live, where there is one. */
export function addPolicyCommands(program: Command, run: RunHere, findLive: FindLive): void {
  const policy = program
    .command('policy')
    .description('check a policy file before a release carries it')
  policy
    .command('check <file>')
    .description(
      'say what is wrong in a policy, with line and column, which placements that are live it leaves out, and which models have to be pushed',
    )
    .option('--site <site>', 'whose policy it is; else the name of the file, as the hub reads it')
    .addHelpText('after', '\nExample: shelfedge policy check policies/demo.yaml')
    .action(async (file: string, { site = parse(file).name }: { site?: string }) =>
      run(await checking(file, site, findLive)),
    )
  policy
    .command('test <file> <cases>')
    .description('ask a policy the questions of a file, and compare what it answers')
    .addHelpText(
      'after',
      '\nExample: shelfedge policy test policies/demo.yaml policies/demo.cases.yaml',
    )
    .action((file: string, cases: string) => run(testing(file, cases)))
  policy
    .command('explain <file> <question>')
    .description('say what a policy answers to a question, and what each rule did')
    .addHelpText('after', '\nExample: shelfedge policy explain policies/demo.yaml question.yaml')
    .action((file: string, question: string) => run(explaining(file, question)))
}

function testing(file: string, casesFile: string) {
  const policy = goodPolicy(file)
  const cases = questionsOf(casesFile).map((question, number) => {
    const { answer, items } = asked(policy, question)
    const ids = items.map(({ id }) => id)
    const { expect: expected = {} } = question
    const isAsked = Object.keys(expected).length > 0
    const ok = isAsked && isAsExpected({ answer, items, effects: [] }, expected)
    const name = question.name || `case ${number + 1}`
    return { name, ok, answer, items: ids, expected }
  })
  const failed = cases.filter(({ ok }) => !ok)
  const lines = failed.map(({ name, answer, items, expected }) => {
    const got = `got ${JSON.stringify({ ...answer, items })}`
    const isAsked = Object.keys(expected).length > 0
    return isAsked
      ? `${name}: expected ${JSON.stringify(expected)}, ${got}`
      : `${name}: it expects nothing; name under expect what the answer has to hold; ${got}`
  })
  const summary = `${cases.length - failed.length} of ${cases.length} cases are as expected.`
  return {
    answer: { file, ok: failed.length === 0, cases },
    shown: [...lines, summary].map(printable).join('\n'),
    hasFailed: failed.length > 0,
  }
}

function explaining(file: string, questionFile: string) {
  const policy = goodPolicy(file)
  const answers = questionsOf(questionFile).map((question) => {
    const { answer, items, effects } = asked(policy, question)
    return { placement: question.placement, answer, items, effects }
  })
  const shown = answers.map(({ placement, answer, items, effects }) => {
    const told = JSON.stringify(items.length > 0 ? items : answer)
    const rules = effects.map(({ name, effect, on, failures, items: touched, amount }) => ({
      ...{ rule: name, effect, on, failures, items: [...new Set(touched)].join(' ') },
      ...(amount !== undefined && { amount }),
    }))
    return `${printable(`${placement}: ${told}`)}\n\n${columns(rules)}`
  })
  return { answer: answers, shown: shown.join('\n\n'), hasFailed: false }
}

function goodPolicy(file: string): Policy {
  const parsed = parsePolicy(read(file))
  if (parsed.ok) return parsed.policy
  throw new CommandFailed(printable(tellMistakes(file, parsed.mistakes)))
}

function questionsOf(file: string): PolicyQuestion[] {
  try {
    return readQuestions(read(file))
  } catch (cause) {
    if (cause instanceof CommandFailed) throw cause
    throw new CommandFailed(printable(`${file} is no question: ${(cause as Error).message}.`))
  }
}

function asked(policy: Policy, question: PolicyQuestion) {
  try {
    return tryQuestion(policy, question)
  } catch (cause) {
    throw new CommandFailed(printable(`${(cause as Error).message}.`))
  }
}

async function checking(file: string, site: string, findLive: FindLive) {
  const parsed = parsePolicy(read(file))
  const live = parsed.ok ? await findLive(site) : null
  const placements = parsed.ok ? [...tryCompile(parsed.policy, 0).compiled.placements] : []
  const known = new Set(placements.map(([name]) => name))
  const answer = {
    file,
    ok: parsed.ok,
    placements: placements.map(([name]) => name),
    rules: placements.reduce((sum, [, { ruleNames }]) => sum + ruleNames.length, 0),
    mistakes: parsed.ok ? [] : parsed.mistakes,
    /** What answers visitors now, where a hub said so; and what of it would be gone. */
    live: live?.digest ?? null,
    gone: Object.keys(live?.placements ?? {}).filter((name) => !known.has(name)),
    /** Models that somebody has to push, as far as none of that name is live. */
    toPush: (parsed.ok ? othersModels(parsed.policy) : []).filter(
      ({ model }) => !Object.hasOwn(live?.models ?? {}, model),
    ),
  }
  const sizes = [counted(placements.length, 'placement'), counted(answer.rules, 'rule')]
  const good = `${file} is good: ${sizes.join(', ')}.`
  const warnings = [
    ...answer.gone.map(
      (name) =>
        `Warning: the placement ${name} is live for the site ${site}, and gone with this policy: who asks for it will be answered 404.`,
    ),
    ...answer.toPush.map(
      ({ placement, model }) =>
        `Warning: the placement ${placement} asks the model ${model}, which neither the hub nor this policy makes: no release is made until somebody pushes a model of that name.`,
    ),
  ]
  const told = parsed.ok ? [good, ...warnings].join('\n') : tellMistakes(file, parsed.mistakes)
  const shown = printable(told)
  return { answer, shown, hasFailed: !parsed.ok }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new CommandFailed(`${file} cannot be read: ${(cause as Error).message}.`)
  }
}
