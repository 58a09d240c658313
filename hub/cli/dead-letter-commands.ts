import type { Command } from 'commander'
import type { HubClient, Query } from './hub-client.ts'
import { columns, facts, printable, type TableRow } from './layout.ts'
import type { Run } from './run.ts'

const path = '/v1/deadletters'

interface Filter {
  readonly site?: string
  readonly reason?: string
  readonly limit: string
}

interface Letters {
  readonly total: number
  readonly letters: readonly TableRow[]
}

interface Changed {
  readonly outcome: string
  readonly letter: TableRow
}

interface ReplayedMany {
  readonly replayed: number
  readonly failed: number
  readonly left: number
}

/** Adds `deadletters` with what can be done to them. */
export function addDeadLetterCommands(program: Command, run: Run): void {
  const group = program
    .command('deadletters')
    .description('look at, replay or discard what the hub could not read or store')
  addLooking(group, run)
  addReplaying(group, run)
  group
    .command('discard <id>')
    .description('give a letter up; it stays to be looked at')
    .addHelpText('after', '\nExample: shelfedge deadletters discard 0f3a91c27be4d5806e1f')
    .action((id: string) => run({ ask: (hub) => change(hub, id, 'discard'), show: shownChange }))
}

function addLooking(group: Command, run: Run): void {
  group
    .command('list')
    .description('list letters, newest first, without their records')
    .option('--state <state>', 'waiting, replayed, discarded or all', 'waiting')
    .option('--site <site>', 'of one site')
    .option('--reason <reason>', 'of one reason')
    .option('--limit <n>', 'at most this many, up to 1000', '100')
    .addHelpText('after', '\nExample: shelfedge deadletters list --reason unknown_kind')
    .action(({ state, ...filter }: Filter & { state: string }) => {
      const query = { ...filter, state: state === 'all' ? '' : state }
      return run({ ask: (hub) => hub.get<Letters>(path, query), show: shownList })
    })
  group
    .command('show <id>')
    .description('show one letter with the record as it was in the log')
    .addHelpText('after', '\nExample: shelfedge deadletters show 0f3a91c27be4d5806e1f')
    .action((id: string) => run({ ask: (hub) => hub.get<TableRow>(pathOf(id)), show: shownLetter }))
}

function addReplaying(group: Command, run: Run): void {
  group
    .command('replay [id]')
    .description('read a letter again with the hub of today and store it; twice is once')
    .option('--all', 'all that wait')
    .option('--reason <reason>', 'all that wait for one reason')
    .option('--site <site>', 'with --all or --reason, only those of one site')
    .option('--limit <n>', 'with --all or --reason, at most this many, up to 1000', '100')
    .addHelpText('after', '\nExample: shelfedge deadletters replay --reason unstorable_row')
    .action((id: string | undefined, options: Filter & { all?: true }, command: Command) => {
      const { all, ...filter } = options
      const isMany = all !== undefined || filter.reason !== undefined
      if (isMany === (id !== undefined)) {
        command.error('error: name the id of one letter, or --reason, or --all')
      }
      return id === undefined ? run(replayMany(filter)) : run(replayOne(id))
    })
}

function replayOne(id: string) {
  return {
    ask: (hub: HubClient) => change(hub, id, 'replay'),
    show: shownChange,
    hasFailed: ({ outcome }: Changed) => outcome === 'failed',
  }
}

function replayMany(filter: Filter) {
  return {
    ask: (hub: HubClient) => hub.post<ReplayedMany>(`${path}/replay`, { ...filter } as Query),
    show: ({ replayed, failed, left }: ReplayedMany) =>
      `${replayed} replayed, ${failed} failed again, ${left} still waiting.`,
    hasFailed: ({ failed }: ReplayedMany) => failed > 0,
  }
}

function change(hub: HubClient, id: string, what: 'replay' | 'discard'): Promise<Changed> {
  return hub.post<Changed>(`${pathOf(id)}/${what}`)
}

function pathOf(id: string): string {
  return `${path}/${encodeURIComponent(id)}`
}

function shownList({ total, letters }: Letters): string {
  if (letters.length === 0) return 'No dead letters.'
  const rows = letters.map(({ id, at, site, visitor, reason, attempts, state, detail }) => ({
    ...{ id, at, site, visitor, reason, attempts, state, detail },
  }))
  return `${columns(rows)}\n${letters.length} of ${total}.`
}

function shownLetter({ record, ...letter }: TableRow): string {
  return `${facts(letter)}\n\n${printable(String(record))}`
}

function shownChange({ outcome, letter: { id, reason, detail } }: Changed): string {
  const why = outcome === 'failed' ? ` again, ${reason}: ${detail}` : ''
  return printable(`${id} ${outcome}${why}.`)
}
