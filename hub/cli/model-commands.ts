import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Command } from 'commander'
import type { ToldLive } from '../publishing/tell-live.ts'
import { CommandFailed } from './hub-client.ts'
import { columns, counted, facts, printable, type TableRow } from './layout.ts'
import type { Run } from './run.ts'

interface OfSite {
  readonly site?: string
}

interface PushOptions extends OfSite {
  readonly declaration: string
  readonly why: string
  readonly withoutComparison?: true
}

interface Model {
  readonly versions: readonly TableRow[]
  readonly judgements: readonly TableRow[]
}

const ofSite = ['--site <site>', 'which site; else the first of the hub'] as const
const path = '/v1/models'
const livePath = '/v1/releases/live'

/** Adds `models` with what can be done to them. */
export function addModelCommands(program: Command, run: Run): void {
  const group = program.command('models').description('push models, and see what was found of them')
  group
    .command('push <name> <file>')
    .description('push an ONNX file, have it examined and compared with what is live')
    .requiredOption('--declaration <file>', 'JSON: what goes in and out, and the vocabulary')
    .option('--why <text>', 'kept with the version', '')
    .option('--without-comparison', 'take it where too few visitors came to compare it by')
    .option(...ofSite)
    .addHelpText(
      'after',
      '\nExample: shelfedge models push session-knn gru.onnx --declaration gru.json',
    )
    .action((name: string, file: string, own: PushOptions) => {
      const form = new FormData()
      form.set('name', name)
      form.set('model', new File([read(file)], basename(file)))
      form.set('declaration', read(own.declaration).toString('utf8'))
      form.set('why', own.why)
      if (own.withoutComparison) form.set('withoutComparison', 'true')
      return run({
        ask: (hub) => hub.postForm<TableRow>(path, { site: own.site }, form),
        show: shownPush,
        hasFailed: ({ accepted }) => accepted !== true,
      })
    })
  group
    .command('list')
    .description('list what is live, and the versions of all models that were pushed, newest first')
    .option(...ofSite)
    .addHelpText(
      'after',
      '\nExample: shelfedge models list\nWith --json: { versions: [...], live: ... }',
    )
    .action(({ site }: OfSite) =>
      run({
        ask: async (hub) => ({
          versions: await hub.get<TableRow[]>(path, { site }),
          live: await hub.get<ToldLive>(livePath, { site }),
        }),
        show: ({ versions, live }) => [shownLive(live), shownVersions(versions)].join('\n\n'),
      }),
    )
  group
    .command('show <name>')
    .description('show the versions of one model and how each was judged')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge models show session-knn')
    .action((name: string, { site }: OfSite) =>
      run({ ask: (hub) => hub.get<Model>(`${path}/${name}`, { site }), show: shownModel }),
    )
  group
    .command('compare <name>')
    .description('show the figures of the newest version beside those of the champion then')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge models compare session-knn')
    .action((name: string, { site }: OfSite) =>
      run({ ask: (hub) => hub.get<Model>(`${path}/${name}`, { site }), show: shownComparison }),
    )
}

function read(file: string): Buffer<ArrayBuffer> {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new CommandFailed(`${file} cannot be read: ${(cause as Error).message}.`)
  }
}

function shownPush(pushed: TableRow): string {
  const { name, version, accepted, code, reason, compared, release, readyPops, figures } = pushed
  const taken = compared ? 'accepted' : 'accepted without a comparison'
  const outcome = accepted ? taken : `refused (${code})`
  const sentence = printable(`${name} ${version} ${outcome}: ${reason}`)
  const next = accepted
    ? `\n\nReady at ${counted(readyPops as number, 'POP')}.\nNext: shelfedge releases canary ${String(release).slice(0, 12)} --share 0.05`
    : ''
  const found = figures as TableRow
  return `${sentence}${Object.keys(found).length > 0 ? `\n\n${facts(found)}` : ''}${next}`
}

function shownLive({ digest, createdAt, models: live }: ToldLive): string {
  if (digest === null) return 'No release is live yet: what is popular answers.'
  const models = Object.entries(live).map(([name, { family }]) => `${name} (${family})`)
  const which = models.length > 0 ? models.join(', ') : 'no model, what is popular answers'
  return printable(`Live is release ${digest.slice(0, 12)} of ${createdAt}: ${which}.`)
}

function shownVersions(versions: readonly TableRow[]): string {
  if (versions.length === 0) {
    return 'No model was pushed. `shelfedge trainings` tells what the hub trained, `shelfedge releases` what came of it.'
  }
  return columns(
    versions.map(({ name, version, digest, at, by, bytesTotal, why }) => ({
      ...{ name, version, digest: String(digest).slice(0, 12), at, by, bytesTotal, why },
    })),
  )
}

function shownModel({ versions, judgements }: Model): string {
  const found = judgements.map(({ version, at, what, passed, code, reason, release }) => ({
    ...{ version, at, what, passed, code, release: String(release ?? '').slice(0, 12), reason },
  }))
  return `${shownVersions(versions)}\n\n${found.length > 0 ? columns(found) : 'Not judged yet.'}`
}

function shownComparison({ judgements: [newest] }: Model): string {
  if (!newest) return 'Not judged yet.'
  const figures = newest.figures as Record<string, number>
  const names = Object.keys(figures).filter((name) => name.startsWith('champion'))
  const rows = names.map((name) => {
    const what = name.slice('champion'.length)
    return { what, champion: figures[name], challenger: figures[`challenger${what}`] }
  })
  const table = rows.length > 0 ? columns(rows) : 'It was compared with nothing.'
  return `${printable(`version ${newest.version}: ${newest.reason}`)}\n\n${table}`
}
