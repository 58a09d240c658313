import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { tryCompile } from '#shared/policy/compile.ts'
import { parsePolicy, tellMistakes } from '../policies/parse-policy.ts'
import { CommandFailed } from './hub-client.ts'
import { counted, printable } from './layout.ts'
import type { RunHere } from './run.ts'

/** Adds `policy` with what can be done to a policy file; no hub is asked. */
export function addPolicyCommands(program: Command, run: RunHere): void {
  program
    .command('policy')
    .description('check a policy file before a release carries it')
    .command('check <file>')
    .description('say what is wrong in a policy, with line and column')
    .addHelpText('after', '\nExample: shelfedge policy check policies/demo.yaml')
    .action((file: string) => run(checking(file)))
}

function checking(file: string) {
  const parsed = parsePolicy(read(file))
  const placements = parsed.ok ? [...tryCompile(parsed.policy, 0).compiled.placements] : []
  const answer = {
    file,
    ok: parsed.ok,
    placements: placements.map(([name]) => name),
    rules: placements.reduce((sum, [, { ruleNames }]) => sum + ruleNames.length, 0),
    mistakes: parsed.ok ? [] : parsed.mistakes,
  }
  const sizes = [counted(placements.length, 'placement'), counted(answer.rules, 'rule')]
  const good = `${file} is good: ${sizes.join(', ')}.`
  const shown = printable(parsed.ok ? good : tellMistakes(file, parsed.mistakes))
  return { answer, shown, hasFailed: !parsed.ok }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new CommandFailed(`${file} cannot be read: ${(cause as Error).message}.`)
  }
}
