import type { Command } from 'commander'
import { knownFeatures } from '#shared/tabular/known-features.ts'
import { columns } from './layout.ts'
import type { RunHere } from './run.ts'

/** Adds `features`: what a model may read of a visitor; no hub is asked. */
export function addFeatureCommands(program: Command, run: RunHere): void {
  program
    .command('features')
    .description('list what a model may read of a visitor and of a moment')
    .addHelpText('after', '\nExample: shelfedge features --json')
    .action(() => {
      const answer = listFeatures()
      run({ answer, shown: columns(answer), hasFailed: false })
    })
}

function listFeatures() {
  const listed = Object.entries(knownFeatures).flatMap(([root, names]) =>
    Object.entries(names).map(([name, what]) => ({ from: `${root}.${name}`, what })),
  )
  return [
    ...listed,
    { from: 'event.<property>', what: 'a property of the newest event of the question' },
    { from: 'context.<field>', what: 'what the question says of its context' },
  ]
}
