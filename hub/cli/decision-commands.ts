import type { Command } from 'commander'
import type { ItemDetails } from '#shared/told.ts'
import { columns, facts, printable, type TableRow } from './layout.ts'
import type { Run } from './run.ts'

const path = '/v1/decisions'

interface Shown extends TableRow {
  readonly release: { readonly digest: string } | null
  readonly items: readonly string[]
  readonly scores: readonly number[]
  readonly itemDetails?: ItemDetails
  readonly effects: readonly TableRow[]
  readonly features: object
  readonly inputs: object
  readonly answer: object
}

interface Replayed {
  readonly decisionId: string
  readonly release: string | null
  readonly same: boolean
  readonly differences: readonly string[]
  readonly items: readonly TableRow[]
  readonly answer: object
  readonly effects: readonly TableRow[]
}

/** Adds `decisions`: why an answer was what it was, and whether it would be again. */
export function addDecisionCommands(program: Command, run: Run): void {
  const ofSite = ['--site <site>', 'which site; else the first of the hub'] as const
  const group = program
    .command('decisions')
    .description('tell what a decision was made from, and make it again')
  group
    .command('show <id>')
    .description('show features, scores, release, and the rules that did something')
    .option(...ofSite)
    .addHelpText(
      'after',
      '\nExample: shelfedge decisions show 1b70ca18-0f3a-4c27-8be4-d5806e1f2a91',
    )
    .action((id: string, { site }: { readonly site?: string }) =>
      run({ ask: (hub) => hub.get<Shown>(pathOf(id), { site }), show: shownDecision }),
    )
  group
    .command('replay <id>')
    .description('decide again by the same release; ends with 1 where the answer is another')
    .option(...ofSite)
    .addHelpText(
      'after',
      '\nExample: shelfedge decisions replay 1b70ca18-0f3a-4c27-8be4-d5806e1f2a91',
    )
    .action((id: string, { site }: { readonly site?: string }) =>
      run({
        ask: (hub) => hub.get<Replayed>(`${pathOf(id)}/replay`, { site }),
        show: shownReplay,
        hasFailed: ({ same }) => !same,
      }),
    )
}

function pathOf(id: string): string {
  return `${path}/${encodeURIComponent(id)}`
}

function shownDecision(decision: Shown): string {
  const { items, scores, itemDetails, ...rest } = decision
  const { effects, features, inputs, answer, release, ...row } = rest
  const list = items.map((id, at) => ({
    ...{ place: at + 1, id, score: scores[at] },
    ...{ by: itemDetails?.by[at], name: itemDetails?.names[at] },
    ...{ category: itemDetails?.categories[at], price: itemDetails?.prices[at] },
  }))
  return [
    facts({ ...row, release: release?.digest ?? 'none', answer: JSON.stringify(answer) }),
    list.length === 0 ? 'No items.' : columns(list),
    effects.length === 0 ? 'No rule did anything.' : columns(effects),
    printable(`features  ${JSON.stringify(features)}\ninputs    ${JSON.stringify(inputs)}`),
  ].join('\n\n')
}

function shownReplay({ decisionId, same, differences, items, effects }: Replayed): string {
  const verdict = same
    ? `${decisionId} is the same again, to the bit.`
    : `${decisionId} is another: ${differences.join(', ')} differ.`
  return [
    printable(verdict),
    items.length === 0 ? 'No items.' : columns(items),
    effects.length === 0 ? 'The placement has no rules.' : columns(effects),
  ].join('\n\n')
}
