import { type Command, InvalidArgumentError } from 'commander'
import { addEstimateCommand } from './estimate-command.ts'
import type { HubClient } from './hub-client.ts'
import { columns, facts, printable, type TableRow } from './layout.ts'
import type { Run } from './run.ts'

interface OfSite {
  readonly site?: string
}

interface Moving extends OfSite {
  readonly why: string
}

const ofSite = ['--site <site>', 'which site; else the first of the hub'] as const
const path = '/v1/releases'

/** Adds `releases` with what can be done to them; alone it lists them. */
export function addReleaseCommands(program: Command, run: Run): void {
  const group = program
    .command('releases')
    .description('list releases; move what answers visitors, and say what did when')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge releases --site demo')
    .action(({ site }: OfSite) =>
      run({ ask: (hub) => hub.get<TableRow[]>(path, { site }), show: shownReleases }),
    )
  addMoves(group, run)
  addEstimateCommand(group, run)
  group
    .command('history')
    .description('what was live, by whom and why: every move, or what held at a time')
    .option('--at <time>', 'at this moment, like 2026-11-25T03:04:05Z')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge releases history --at 2026-11-25T03:04:05Z')
    .action((own: { at?: string } & OfSite, command: Command) => {
      const { at, site } = command.optsWithGlobals<typeof own>()
      if (at === undefined) {
        return run({ ask: listing('/v1/history', site), show: shownRows })
      }
      return run({
        ask: (hub) => hub.get<TableRow>('/v1/history', { at, site }),
        show: ({ live, canary }) =>
          [
            ['live', live],
            ['canary', canary],
          ]
            .map(([tag, move]) => (move ? facts(move as TableRow) : `No ${tag} release then.`))
            .join('\n\n'),
      })
    })
  group
    .command('reports')
    .description('canaries that POPs ended on their own, newest first')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge releases reports')
    .action((_: OfSite, command: Command) =>
      run({
        ask: listing(`${path}/reports`, command.optsWithGlobals<OfSite>().site),
        show: shownRows,
      }),
    )
}

function addMoves(group: Command, run: Run): void {
  const why = ['--why <text>', 'kept in the history', ''] as const
  const move = (to: string, command: Command, more: Record<string, string> = {}) => {
    const { site, why: said } = command.optsWithGlobals<Moving>()
    return run({
      ask: (hub) => hub.post<TableRow>(`${path}/${to}`, { site, why: said, ...more }),
      show: shownMove,
    })
  }
  group
    .command('promote <digest>')
    .description('let a release answer everybody')
    .option(...why)
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge releases promote 3f0a91c27be4 --why "better MRR"')
    .action((digest: string, _: Moving, command: Command) => move(`${digest}/promote`, command))
  group
    .command('canary <digest>')
    .description('let a release answer a part of the visitors; POPs end it where it does badly')
    .option('--share <share>', 'from 0 to 1; 0 ends it', share, 0.1)
    .option(...why)
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge releases canary 3f0a91c27be4 --share 0.05')
    .action((digest: string, own: Moving & { share: number }, command: Command) =>
      move(`${digest}/canary`, command, { share: String(own.share) }),
    )
  group
    .command('rollback')
    .description('let what was live before answer everybody again')
    .option(...why)
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge releases rollback --why "orders fell"')
    .action((_: Moving, command: Command) => move('rollback', command))
}

function listing(of: string, site: string | undefined) {
  return (hub: HubClient) => hub.get<TableRow[]>(of, { site })
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value <= 1) return value
  throw new InvalidArgumentError('It has to be a number from 0 to 1.')
}

function shownMove({ tag, digest, before, share: part }: TableRow): string {
  const was = before ? `, before it ${String(before).slice(0, 12)}` : ''
  const whom = typeof part === 'number' ? ` for ${part * 100} % of the visitors` : ''
  return printable(`${tag} is ${String(digest).slice(0, 12)}${whom}${was}.`)
}

function shownReleases(releases: readonly TableRow[]): string {
  return shownRows(
    releases.map(({ digest, tag, createdAt, createdBy, bytesTotal }) => ({
      ...{ digest, tag, createdAt, createdBy, bytesTotal },
    })),
  )
}

function shownRows(rows: readonly TableRow[]): string {
  return rows.length === 0 ? 'Nothing.' : columns(rows.map(withShortDigests))
}

/** Twelve digits are enough for every command, and leave a line its width. */
function withShortDigests(row: TableRow): TableRow {
  const isDigest = (value: unknown) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      isDigest(value) ? String(value).slice(0, 12) : value,
    ]),
  )
}
