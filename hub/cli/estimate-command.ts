import { type Command, InvalidArgumentError } from 'commander'
import type { ReleaseEstimate } from '../experiments/estimate/estimate-release.ts'
import type { Estimate } from '../experiments/uplift.ts'
import { columns, printable } from './layout.ts'
import type { Run } from './run.ts'

interface Options {
  readonly site?: string
  readonly placement: string
  readonly event: string
  readonly hours: string
  readonly days: string
}

/** Adds `releases estimate`: what a release would have brought that answered nobody yet. */
export function addEstimateCommand(releases: Command, run: Run): void {
  releases
    .command('estimate <digest>')
    .description('say what a release would have brought, by decisions that were left to chance')
    .requiredOption('--placement <name>', 'a placement of items that explores', named)
    .option('--event <name>', 'what taking the first item is', named, 'Product Viewed')
    .option('--hours <n>', 'within so many hours after it was shown', '24')
    .option('--days <n>', 'of decisions of the last so many days', '30')
    .option('--site <site>', 'which site; else the first of the hub')
    .addHelpText(
      'after',
      '\nExample: shelfedge releases estimate 3f0a91c27be4 --placement product-page --event "Product Added"',
    )
    .action((digest: string, _: Options, command: Command) => {
      const { site, placement, event, hours, days } = command.optsWithGlobals<Options>()
      const path = `/v1/releases/${encodeURIComponent(digest)}/estimate`
      const question = { site, placement, event, hours, days }
      return run({
        ask: (hub) => hub.get<ReleaseEstimate>(path, question),
        show: shownEstimate,
        hasFailed: ({ refusal }) => refusal !== null,
      })
    })
}

function named(text: string): string {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('It has to be a name.')
}

function shownEstimate(estimate: ReleaseEstimate): string {
  const { decisions, explored, effectiveDecisions, refusal, estimates, logged } = estimate
  const { event, hours, release, placement } = estimate
  const head = `How often the first item of ${placement} had "${event}" within ${hours} hours, by ${decisions} decisions that were shown, ${explored} of them made by chance.`
  if (refusal !== null || estimates === null) return printable(`${head}\nNo estimate: ${refusal}.`)
  const rows = Object.entries(estimates).map(([estimator, { difference, ...value }]) => ({
    ...{ estimator, value: interval(value), difference: interval(difference) },
  }))
  const worth = `They speak for ${release.slice(0, 12)} like ${Math.floor(effectiveDecisions)} decisions of its own; intervals are of 95 %, for one look.`
  return [
    printable(head),
    columns([{ estimator: 'as it was', value: logged && interval(logged) }, ...rows]),
    printable(worth),
  ].join('\n\n')
}

function interval({ value, low, high }: Estimate): string {
  return `${share(value)} (${share(low)} to ${share(high)})`
}

function share(value: number): string {
  return `${(value * 100).toFixed(2)} %`
}
