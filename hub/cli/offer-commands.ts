import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { limits } from '#shared/limits.ts'
import { CommandFailed } from './hub-client.ts'
import { columns, counted, facts, type TableRow } from './layout.ts'
import type { Run, Surroundings } from './run.ts'

interface OfSite {
  readonly site?: string
}

/** Which list of codes. */
interface ToList extends OfSite {
  readonly budget: string
  readonly ahead?: true
}

interface Added {
  readonly added: number
  readonly known: number
}

const ofSite = ['--site <site>', 'which site; else the first of the hub'] as const
const path = '/v1/offers'

/** Adds `offers` with what can be seen of their budgets, and done with their codes. */
export function addOfferCommands(program: Command, run: Run, { tell }: Surroundings): void {
  const group = program
    .command('offers')
    .description('budgets of offers, what is left of them, and their codes')
  group
    .command('list')
    .description('budgets, with what POPs were granted and what they handed out')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge offers list')
    .action(({ site }: OfSite) =>
      run({ ask: (hub) => hub.get<TableRow[]>(path, { site }), show: shownBudgets }),
    )
  const codes = group.command('codes').description('codes of offers')
  codes
    .command('add <offer> <file>')
    .description('add the codes of a file, one a line; those that are known are left as they are')
    .requiredOption('--budget <id>', 'the id of the budget in the policy')
    .option('--ahead', 'also for an offer that no live or canary release has yet')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge offers codes add welcome codes.txt --budget spring')
    .action((offer: string, file: string, { budget, site, ahead }: ToList) => {
      const lines = read(file).split(/\r?\n/)
      const query = { site, offer, budget, ...(ahead && { ahead: 'true' }) }
      return run({
        ask: (hub) =>
          addInParts(lines, (text) => hub.post<Added>(`${path}/codes`, query, text), tell),
        show: ({ added, known }) => `${counted(added, 'code')} added, ${known} known before.`,
      })
    })
  codes
    .command('verify <code>')
    .description('whether a generated code was granted, and of which offer it is')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge offers codes verify SP-17K3F9Q2X0AB')
    .action((code: string, { site }: OfSite) =>
      run({
        ask: (hub) => hub.get<TableRow>(`${path}/codes/${encodeURIComponent(code)}`, { site }),
        show: facts,
        hasFailed: ({ genuine }) => genuine !== true,
      }),
    )
}

/** A request takes so many; where one fails, the same file again adds what is missing. */
async function addInParts(
  lines: readonly string[],
  add: (text: string) => Promise<Added>,
  tell: Surroundings['tell'],
): Promise<Added> {
  const codes = [...new Set(lines.map((line) => line.trim()).filter((line) => line !== ''))]
  const total = { added: 0, known: 0 }
  for (let start = 0; start < Math.max(1, codes.length); start += limits.codesAddedMax) {
    if (start > 0) tell(`${start} of ${codes.length} codes sent, ${total.added} added`)
    const part = await add(codes.slice(start, start + limits.codesAddedMax).join('\n'))
    total.added += part.added
    total.known += part.known
  }
  return total
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new CommandFailed(`${file} cannot be read: ${(cause as Error).message}.`)
  }
}

function shownBudgets(budgets: readonly TableRow[]): string {
  if (budgets.length === 0) return 'No offer has a budget.'
  return columns(
    budgets.map(({ offer, budget, issuesMax, granted, handedOut, left, code, codesLeft }) => ({
      ...{ offer, budget, issuesMax, granted, handedOut, left },
      ...(code === 'list' && { codesLeft }),
    })),
  )
}
