import { Command } from 'commander'
import { machine, publish } from '#hub/local/report.ts'
import { ratedSource } from '#hub/training/sentiment/rated-texts.ts'
import { experimentFigures } from './decisions/experiments.ts'
import { fraudFigures } from './decisions/fraud.ts'
import { guardRailFigures } from './decisions/guard-rails.ts'
import { latencyFigures } from './decisions/latency.ts'
import { nabFigures } from './decisions/nab.ts'
import { offPolicyFigures } from './decisions/off-policy.ts'
import { offerFigures } from './decisions/offers.ts'
import { outcomeFigures } from './decisions/outcome.ts'
import { pumpFigures } from './decisions/pumps.ts'
import { ruleFigures } from './decisions/rules.ts'
import { segmentFigures } from './decisions/segments.ts'
import { sentimentFigures } from './decisions/sentiment.ts'
import { toldFigures } from './decisions/told.ts'
import { viewFigures } from './decisions/views.ts'

interface Options {
  readonly json?: string
  /** Where rated texts are. */
  readonly texts: string
}

type Figures = Readonly<Record<string, number | null>>

/** Prints what a group says to people; without its data there are no figures. */
function told(
  found: { readonly figures: Figures; readonly lines: readonly string[] } | null,
): Figures {
  for (const line of found?.lines ?? ['The data of a group is not here.']) console.log(line)
  return found?.figures ?? {}
}

/** Each group of figures by its name; a new one is a line here. */
const groups: Readonly<Record<string, (options: Options) => Figures | Promise<Figures>>> = {
  latency: latencyFigures,
  rules: ruleFigures,
  guards: guardRailFigures,
  offers: offerFigures,
  fraud: () => told(fraudFigures()),
  outcome: async () => told(await outcomeFigures()),
  nab: () => told(nabFigures()),
  pumps: async () => told(await pumpFigures()),
  segments: async () => told(await segmentFigures()),
  sentiment: ({ texts }) => told(sentimentFigures(texts)),
  experiments: () => experimentFigures(),
  offpolicy: () => offPolicyFigures(),
  told: toldFigures,
  views: viewFigures,
}

/** As it is called where it was downloaded. */
const texts = `${ratedSource.package}-${ratedSource.version}.tar.gz`

export function decisionsCommand(): Command {
  return new Command('decisions')
    .description('Measures decisions: what they take, what they keep to, and whether they pay.')
    .argument('[groups...]', `which of ${Object.keys(groups).join(', ')}; else all`)
    .option('--json <file>', 'write the figures')
    .option('--texts <file>', `for sentiment, what is there after: ${ratedSource.fetchedBy}`, texts)
    .action(run)
}

async function run(named: string[], options: Options, command: Command): Promise<void> {
  const startedAt = new Date().toISOString()
  const names = named.length > 0 ? named : Object.keys(groups)
  let figures: Figures = {}
  for (const name of names) {
    const measure = groups[name]
    if (measure === undefined) {
      return command.error(`error: the groups are ${Object.keys(groups).join(', ')}`)
    }
    figures = { ...figures, ...(await measure(options)) }
  }
  publish(
    {
      ...{ command: 'npm run bench -- decisions', startedAt, machine: machine() },
      versions: { node: process.versions.node },
      settings: { groups: names },
      figures,
    },
    options.json,
  )
}
