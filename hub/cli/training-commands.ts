import { type Command, InvalidArgumentError } from 'commander'
import type { PolicyOrigin } from '../policies/read-policy.ts'
import type { TrainingEnd } from '../registry/registry.ts'
import { type AskHub, trainAndFollow, trainingsPath } from '../training/follow.ts'
import type { LearnedModel } from '../training/learned/learn-models.ts'
import type { TrainingReport } from '../trainings.ts'
import type { HubClient } from './hub-client.ts'
import { columns, counted, facts, printable, type TableRow } from './layout.ts'
import type { Run, Surroundings } from './run.ts'

interface OfSite {
  readonly site?: string
}

/** A report as it comes over HTTP. */
type Told = Omit<TrainingReport, 'at' | 'endedAt'> & {
  readonly at: string
  readonly endedAt: string | null
}

const ofSite = ['--site <site>', 'which site; else the first of the hub'] as const

/** Adds `retrain`, and `trainings` with what became of each. */
export function addTrainingCommands(program: Command, run: Run, { tell }: Surroundings): void {
  program
    .command('retrain')
    .description('train a model of a site now, judge it, and publish it if it is good')
    .option('--no-wait', 'only order it; `shelfedge trainings` says what becomes of it')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge retrain --site demo')
    .action(({ site, wait }: OfSite & { wait: boolean }) =>
      wait
        ? run({
            ask: (hub) => trainAndFollow(askOf(hub), site, (line) => tell(printable(line))),
            show: shownEnd,
            hasFailed: ({ outcome }) => outcome !== 'published' && outcome !== 'unchanged',
          })
        : run({
            ask: (hub) => hub.post<Told>(trainingsPath, { site }),
            show: ({ number }) => `Ordered. Next: shelfedge trainings show ${number}`,
          }),
    )
  const group = program
    .command('trainings')
    .description('trainings that wait, run or came to something, newest first')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge trainings --site demo')
    .action(({ site }: OfSite) =>
      run({ ask: (hub) => hub.get<Told[]>(trainingsPath, { site }), show: shownList }),
    )
  group
    .command('show <number>')
    .description('show how far one training is, or what came of it')
    .option(...ofSite)
    .addHelpText('after', '\nExample: shelfedge trainings show 12')
    .action((text: string, _: OfSite, command: Command) => {
      const { site } = command.optsWithGlobals<OfSite>()
      const path = `${trainingsPath}/${numberOf(text)}`
      return run({ ask: (hub) => hub.get<Told>(path, { site }), show: shownTraining })
    })
}

function askOf(hub: HubClient): AskHub {
  return (method, path) => (method === 'GET' ? hub.get(path) : hub.post(path))
}

function numberOf(text: string): string {
  if (/^\d+$/.test(text)) return text
  throw new InvalidArgumentError('It has to be the number of a training.')
}

function shownList(trainings: readonly Told[]): string {
  if (trainings.length === 0) return 'Nothing.'
  return columns(
    trainings.map(({ number, site, by, at, state, progress, end }) => ({
      ...{ number: number ?? '', site, by, at, state: end?.outcome ?? state },
      said: end?.reason ?? progress.at(-1)?.line ?? '',
    })) as TableRow[],
  )
}

function shownTraining({ progress, end, ...told }: Told): string {
  const lines = progress.map(({ at, line }) => printable(`${at}  ${line}`))
  return [facts(told as unknown as TableRow), lines.join('\n'), end && shownEnd(end)]
    .filter(Boolean)
    .join('\n\n')
}

function shownEnd({ outcome, reason, digest, policy, figures, models }: TrainingEnd): string {
  const found = {
    ...(digest !== null && { digest }),
    ...(policy !== null && { policy: toldOrigin(policy as PolicyOrigin) }),
    ...figures,
  }
  const told = Object.keys(found).length === 0 ? [] : [facts(found)]
  const learned = (models ?? []) as readonly LearnedModel[]
  const shown = learned.length === 0 ? [] : [columns(learned.map(shownModel))]
  return [printable(`${outcome}: ${reason}`), ...told, ...shown].join('\n\n')
}

function shownModel({ name, outcome, figures, reason }: LearnedModel): TableRow {
  const { rows = '', positives = '', prAuc, baseRate } = figures
  const rounded = (figure: number | undefined) => figure?.toFixed(4) ?? ''
  return {
    ...{ model: name, outcome, rows, positives },
    ...{ prAuc: rounded(prAuc), guessing: rounded(baseRate), reason },
  }
}

function toldOrigin({ file, placements, rules }: PolicyOrigin): string {
  return `${file ?? 'no file, the default'}: ${counted(placements, 'placement')}, ${counted(rules, 'rule')}`
}
