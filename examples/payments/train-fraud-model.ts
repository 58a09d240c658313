import { pick, rowOf } from '#models/tabular/examples.ts'
import { buildTabularModel } from '#models/tabular/graph.ts'
import { defaultTreesSettings, trainTrees } from '#models/tabular/train-trees.ts'
import { fractionOf } from '#shared/fraction.ts'
import { columnsOf } from '#shared/tabular/feature.ts'
import { examplesOf, featuresWithout, type Labelled } from './features.ts'

/** So much says when to stop. Payments that look alike are on one side: they would be known by heart. */
const heldBackShare = 1 / 6

/** Boosted trees without these columns: an ONNX file, and what to declare of it. Same payments, same model. */
export function trainFraudModel(payments: readonly Labelled[], without: readonly string[]) {
  const features = featuresWithout(without)
  const examples = examplesOf(payments, features)
  const places = Map.groupBy(
    payments.keys(),
    (place) => fractionOf(rowOf(examples, place).join()) < heldBackShare,
  )
  const trees = trainTrees(
    pick(examples, places.get(false) ?? []),
    pick(examples, places.get(true) ?? []),
    defaultTreesSettings,
  )
  return {
    trees,
    declaration: { family: 'tabular', features } as const,
    model: buildTabularModel(trees, columnsOf(features).length),
  }
}
