import { Command } from 'commander'
import { machine, publish } from '#hub/local/report.ts'
import { measureHostile } from './hostile.ts'
import { measureLifecycle } from './lifecycle.ts'
import { measureMemory } from './memory.ts'
import { measureLargeRetraining } from './retraining.ts'
import { measureSessions } from './sessions.ts'

type Figures = Readonly<Record<string, number>>

/** One group of figures a file; `--only` names groups. */
const groups: Readonly<Record<string, (options: Options) => Promise<Figures>>> = {
  memory: measureMemory,
  hostile: measureHostile,
  lifecycle: measureLifecycle,
  sessions: ({ clicks }) => measureSessions(clicks),
  retraining: measureLargeRetraining,
}

interface Options {
  readonly clicks: string
  readonly only?: string
  readonly json?: string
}

export function qualityCommand(): Command {
  return new Command('quality')
    .description('Measures models: what they are worth, and how they come to visitors and back.')
    .option(
      '--clicks <directory>',
      'clicks to train on and to predict, train.txt and test.txt',
      '../shared/data/clicks-serenade',
    )
    .option('--only <groups>', `some of ${Object.keys(groups).join(', ')}, with commas`)
    .option('--json <file>', 'write the figures')
    .action(run)
}

async function run(options: Options, command: Command): Promise<void> {
  const { only, json } = options
  const startedAt = new Date().toISOString()
  const names = only?.split(',') ?? Object.keys(groups)
  const figures: Record<string, number> = {}
  for (const name of names) {
    const measure = groups[name]
    if (!measure) return command.error(`error: there is no group ${name}`)
    console.log(`measuring ${name} …`)
    Object.assign(figures, await measure(options))
  }
  const versions = { node: process.versions.node }
  const settings = { groups: names.join(',') }
  publish(
    {
      command: 'npm run bench -- quality',
      ...{ startedAt, machine: machine(), versions, settings, figures },
    },
    json,
  )
}
