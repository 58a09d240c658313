import { Command, InvalidArgumentError, Option } from 'commander'
import { addDeadLetterCommands } from './dead-letter-commands.ts'
import { addDecisionCommands } from './decision-commands.ts'
import { addExperimentCommands } from './experiment-commands.ts'
import { addFeatureCommands } from './feature-commands.ts'
import { columns, type TableRow } from './layout.ts'
import { addModelCommands } from './model-commands.ts'
import { addOfferCommands } from './offer-commands.ts'
import { addPolicyCommands } from './policy-commands.ts'
import { addReleaseCommands } from './release-commands.ts'
import {
  liveFinderOf,
  type Run,
  type RunOptions,
  runnerHere,
  runnerOf,
  type Surroundings,
} from './run.ts'
import { addTrainingCommands } from './training-commands.ts'
import { addWebhookCommands } from './webhook-commands.ts'

/** `shelfedge`: the hub's HTTP API for an operator's hands. */
export function shelfedgeProgram(surroundings: Surroundings): Command {
  const program = new Command('shelfedge')
    .description('The command line of operators: asks a hub over HTTP.')
    .option('--hub <url>', 'address of the hub; else that of `npm start` or .env', httpUrl)
    .addOption(
      new Option('--token <token>', 'admin token; else that of `npm start` or .env').env(
        'ADMIN_TOKEN',
      ),
    )
    .option('--json', 'answer as JSON, for machines')
    .addHelpText('after', '\nExample: shelfedge deadletters list --hub http://127.0.0.1:8788')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
  const options = () => program.opts<RunOptions>()
  const run = runnerOf(options, surroundings)
  const runHere = runnerHere(options, surroundings)
  addPolicyCommands(program, runHere, liveFinderOf(options, surroundings))
  addFeatureCommands(program, runHere)
  addDeadLetterCommands(program, run)
  addWebhookCommands(program, run)
  addTrainingCommands(program, run, surroundings)
  addModelCommands(program, run)
  addReleaseCommands(program, run)
  addExperimentCommands(program, run)
  addDecisionCommands(program, run)
  addOfferCommands(program, run, surroundings)
  addHubCommands(program, run)
  return program
}

interface Status {
  readonly lag: readonly TableRow[]
  readonly peakMb: Readonly<Record<string, number | null>>
}

interface OfSite {
  readonly site?: string
}

function addHubCommands(program: Command, run: Run): void {
  const ofSite = ['--site <site>', 'which site; else the first of the hub'] as const
  program
    .command('status')
    .description('how far the store is behind the log, and the most memory the hub has had')
    .addHelpText('after', '\nExample: shelfedge status --json')
    .action(() => run({ ask: (hub) => hub.get<Status>('/v1/status'), show: shownStatus }))
  program
    .command('query <sql>')
    .description('ask the store, read-only, in the SQL of ClickHouse')
    .addHelpText('after', `\nExample: shelfedge query "SELECT count() FROM events_once"`)
    .action((sql: string) =>
      run({ ask: (hub) => hub.post<TableRow[]>('/v1/query', {}, sql), show: shownRows }),
    )
  program
    .command('history')
    .description('which release was live when, who put it there and why, newest first')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge history --site demo')
    .action(({ site }: OfSite) =>
      run({ ask: (hub) => hub.get<TableRow[]>('/v1/history', { site }), show: shownRows }),
    )
}

function shownStatus({ lag, peakMb }: Status): string {
  const partitions = lag.map(({ partition, messages, oldestAppendedAtMs }) => ({
    partition,
    messagesNotStored: messages,
    oldestAppendedAt:
      typeof oldestAppendedAtMs === 'number' ? new Date(oldestAppendedAtMs).toISOString() : '',
  }))
  const memory = Object.entries(peakMb).map(([process, mb]) => ({ process, peakMb: mb }))
  return [partitions, memory].map(shownRows).join('\n\n')
}

function shownRows(rows: readonly TableRow[]): string {
  return rows.length === 0 ? 'Nothing.' : columns(rows)
}

function httpUrl(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text
  throw new InvalidArgumentError('It has to be an http or https address.')
}
