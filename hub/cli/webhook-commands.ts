import type { Command } from 'commander'
import { columns, type TableRow } from './layout.ts'
import type { Run } from './run.ts'

interface One {
  readonly number?: string
}

const path = '/v1/webhooks'

/** Adds `webhooks` with what can be done to deliveries that were given up. */
export function addWebhookCommands(program: Command, run: Run): void {
  const group = program
    .command('webhooks')
    .description('endpoints that are told of decisions, and deliveries that were given up')
  const shown = (rows: readonly TableRow[]) => (rows.length === 0 ? 'Nothing.' : columns(rows))
  const of = (name: string, what: string) => `${path}/${encodeURIComponent(name)}/${what}`
  const onlyOne = ['--number <n>', 'only this one; else all, up to 1000'] as const
  group
    .command('list')
    .description('endpoints, with what waits and what was given up')
    .addHelpText('after', '\nExample: shelfedge webhooks list')
    .action(() => run({ ask: (hub) => hub.get<TableRow[]>(path), show: shown }))
  group
    .command('dead <name>')
    .description('deliveries to an endpoint that were given up, with the reason')
    .addHelpText('after', '\nExample: shelfedge webhooks dead crm')
    .action((name: string) =>
      run({ ask: (hub) => hub.get<TableRow[]>(of(name, 'dead')), show: shown }),
    )
  group
    .command('replay <name>')
    .description('send again what was given up, in its order')
    .option(...onlyOne)
    .addHelpText('after', '\nExample: shelfedge webhooks replay crm')
    .action((name: string, { number }: One) =>
      run({
        ask: (hub) => hub.post<{ replayed: number }>(of(name, 'replay'), { number }),
        show: ({ replayed }) => `${replayed} replayed.`,
      }),
    )
  group
    .command('discard <name>')
    .description('forget what was given up')
    .option(...onlyOne)
    .addHelpText('after', '\nExample: shelfedge webhooks discard crm --number 17')
    .action((name: string, { number }: One) =>
      run({
        ask: (hub) => hub.post<{ discarded: number }>(of(name, 'discard'), { number }),
        show: ({ discarded }) => `${discarded} discarded.`,
      }),
    )
}
