import { marginOf, type OwnTabularModel } from '#shared/tabular/model.ts'
import { type Calibration, calibrated, calibration } from './calibrate.ts'
import { type Examples, logLoss, rowOf } from './examples.ts'
import { defaultLogisticSettings, trainLogistic } from './train-logistic.ts'
import { defaultTreesSettings, trainTrees } from './train-trees.ts'

const tabularFamilies = ['logistic', 'trees'] as const
export type TabularFamily = (typeof tabularFamilies)[number]

const trainers: Readonly<
  Record<TabularFamily, (earlier: Examples, newer: Examples) => OwnTabularModel>
> = {
  logistic: (earlier) => trainLogistic(earlier, defaultLogisticSettings),
  trees: (earlier, newer) => trainTrees(earlier, newer, defaultTreesSettings),
}

/** A model with the family that was chosen, and whether its scores had to be corrected. */
export interface FittedTabular {
  readonly model: OwnTabularModel
  readonly family: TabularFamily
  readonly isCalibrated: boolean
}

/**
 * Learns from the earlier examples; the newer ones say when trees are enough, whether scores are to be calibrated, and
 * which of the families has the smaller logarithmic loss. Same examples, same model.
 */
export function fitTabular(
  earlier: Examples,
  newer: Examples,
  families: readonly TabularFamily[] = tabularFamilies,
): FittedTabular {
  const fitted = families.map((family) => {
    const raw = trainers[family](earlier, newer)
    const found = usefulCalibration(marginsOf(raw, newer), newer.labels)
    const model = found === null ? raw : calibrated(raw, found)
    const loss = logLoss(marginsOf(model, newer), newer.labels)
    return { model, family, isCalibrated: found !== null, loss }
  })
  const { loss: _, ...best } = fitted.reduce((one, other) => (other.loss < one.loss ? other : one))
  return best
}

/**
 * Platt's calibration where it is worth it: found on each half of the examples, it has to make the loss of the other
 * half smaller. On few examples it makes good scores worse.
 */
function usefulCalibration(margins: Float64Array, labels: Uint8Array): Calibration | null {
  const half = (which: number) => {
    const isIn = (_: number, at: number) => at % 2 === which
    return { margins: margins.filter(isIn), labels: labels.filter(isIn) }
  }
  const halves = [half(0), half(1)] as const
  const gain = [0, 1].reduce((sum, which) => {
    const [one, other] = [halves[which], halves[1 - which]] as [Half, Half]
    const { slope, offset } = calibration(one.margins, one.labels)
    const corrected = other.margins.map((margin) => slope * margin + offset)
    const before = logLoss(other.margins, other.labels)
    return sum + before - logLoss(corrected, other.labels)
  }, 0)
  return gain > 0 ? calibration(margins, labels) : null
}

interface Half {
  readonly margins: Float64Array
  readonly labels: Uint8Array
}

function marginsOf(model: OwnTabularModel, examples: Examples): Float64Array {
  return Float64Array.from(examples.labels, (_, at) => marginOf(model, rowOf(examples, at)))
}
