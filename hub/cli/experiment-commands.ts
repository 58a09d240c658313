import type { Command } from 'commander'
import type { ExperimentReport, VariantReport } from '../experiments/report.ts'
import type { Estimate } from '../experiments/uplift.ts'
import { columns, printable, type TableRow } from './layout.ts'
import type { Run } from './run.ts'

const path = '/v1/experiments'

interface Options {
  readonly site?: string
  readonly days?: string
  readonly control?: string
  readonly alpha?: string
}

/** Adds `experiments`: what is being tried, and what it has shown. */
export function addExperimentCommands(program: Command, run: Run): void {
  program
    .command('experiments [name]')
    .description('list the experiments of a site, or tell what one has shown until now')
    .option('--site <site>', 'which site; else the first of the hub')
    .option('--days <n>', 'what a visitor does within so many days counts; 7 where it is left out')
    .option('--control <variant>', 'hold the others against this; else the holdout or the first')
    .option('--alpha <share>', 'how often nothing may be taken for something; 0.05')
    .addHelpText('after', '\nExample: shelfedge experiments socks --days 14')
    .action((name: string | undefined, { site, ...options }: Options) => {
      if (name === undefined) {
        return run({ ask: (hub) => hub.get<TableRow[]>(path, { site }), show: shownList })
      }
      const address = `${path}/${encodeURIComponent(name)}`
      return run({
        ask: (hub) => hub.get<ExperimentReport>(address, { site, ...options }),
        show: shownReport,
      })
    })
}

function shownList(experiments: readonly TableRow[]): string {
  if (experiments.length === 0) return 'No experiments: a policy names them.'
  return columns(
    experiments.map(({ variants, ...row }) => ({
      ...row,
      visitors: (variants as { variant: string; visitors: number }[])
        .map(({ variant, visitors }) => `${variant} ${visitors}`)
        .join(', '),
    })),
  )
}

function shownReport(report: ExperimentReport): string {
  if (report.variants.length === 0) return `Nobody has been in ${printable(report.experiment)} yet.`
  const { days, alpha, control, sampleRatio } = report
  const sentences = [
    `What visitors did within ${days} days of their first decision, beside ${control}.`,
    `The intervals hold at every look, with ${Number(((1 - alpha) * 100).toFixed(4))} %.`,
    ratioSentence(sampleRatio),
  ]
  return [columns(report.variants.map(rowOf)), printable(sentences.join('\n'))].join('\n\n')
}

function rowOf(each: VariantReport): TableRow {
  const { variant, entered, visitors, conversion, revenue, revenueBrought } = each
  return {
    ...{ variant, entered, visitors },
    conversion: percent(conversion.mean),
    conversionUplift: interval(conversion.uplift?.relative, percent),
    revenuePerVisitor: amount(revenue.mean),
    revenueUplift: interval(revenue.uplift?.difference, amount),
    revenueBrought: interval(revenueBrought, amount),
  }
}

function ratioSentence(ratio: ExperimentReport['sampleRatio']): string {
  if (ratio === null) return 'The parts are not known any more, so whether they were kept is not.'
  const p = `p = ${Number(ratio.p.toPrecision(2))}`
  return ratio.kept
    ? `Visitors are in the variants as the parts say (${p}).`
    : `VISITORS ARE NOT WHERE THE PARTS SAY (${p}): do not believe the rest before you know why.`
}

function interval(estimate: Estimate | null | undefined, write: (value: number) => string): string {
  if (!estimate) return ''
  return `${write(estimate.value)} (${write(estimate.low)} to ${write(estimate.high)})`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

function amount(value: number): string {
  return value.toFixed(2)
}
