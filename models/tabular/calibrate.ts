import type { OwnTabularModel } from '#shared/tabular/model.ts'
import { sigmoid } from './examples.ts'

/** The log odds as they should be: slope · margin + offset. */
export interface Calibration {
  readonly slope: number
  readonly offset: number
}

const stepsMax = 100
const stepMin = 1e-9

/**
 * Platt's calibration: a logistic regression on the margin alone, towards targets off 0 and 1 (Platt 1999), by
 * Newton's method with backtracking (Lin, Lin, Weng 2007). Use margins of examples that were not trained on.
 */
export function calibration(margins: ArrayLike<number>, labels: ArrayLike<number>): Calibration {
  let happened = 0
  for (let at = 0; at < labels.length; at++) happened += labels[at] as number
  const targets = [1 / (labels.length - happened + 2), (happened + 1) / (happened + 2)]
  const targetOf = (at: number) => targets[labels[at] as number] as number
  const lossOf = ({ slope, offset }: Calibration) => {
    let loss = 0
    for (let at = 0; at < labels.length; at++) {
      const margin = slope * (margins[at] as number) + offset
      loss += Math.max(margin, 0) - targetOf(at) * margin + Math.log1p(Math.exp(-Math.abs(margin)))
    }
    return loss
  }
  let at: Calibration = { slope: 1, offset: 0 }
  for (let step = 0; step < stepsMax; step++) {
    const direction = newtonDirection(margins, targetOf, at)
    const before = lossOf(at)
    let share = 1
    const tried = () => ({
      slope: at.slope + share * direction.slope,
      offset: at.offset + share * direction.offset,
    })
    while (share > stepMin && lossOf(tried()) > before) share /= 2
    if (share <= stepMin) break
    at = tried()
    if (Math.abs(share * direction.slope) + Math.abs(share * direction.offset) < stepMin) break
  }
  return at
}

function newtonDirection(
  margins: ArrayLike<number>,
  targetOf: (at: number) => number,
  { slope, offset }: Calibration,
): Calibration {
  // A little on the diagonal: where all margins are one the slope cannot be told.
  let [ss, so, oo, s, o] = [1e-9, 0, 1e-9, 0, 0]
  for (let at = 0; at < margins.length; at++) {
    const margin = margins[at] as number
    const probability = sigmoid(slope * margin + offset)
    const curvature = probability * (1 - probability)
    ss += margin * margin * curvature
    so += margin * curvature
    oo += curvature
    s += (targetOf(at) - probability) * margin
    o += targetOf(at) - probability
  }
  const determinant = ss * oo - so * so
  return { slope: (oo * s - so * o) / determinant, offset: (ss * o - so * s) / determinant }
}

/** The same model with its calibration in its own numbers: nothing more is computed when it serves. */
export function calibrated(
  model: OwnTabularModel,
  { slope, offset }: Calibration,
): OwnTabularModel {
  const scaled = (values: Float32Array) => values.map((value) => value * slope)
  const bias = scaled(model.bias).map((value) => value + offset)
  return model.kind === 'logistic'
    ? { ...model, weights: scaled(model.weights), bias }
    : { ...model, nodeValues: scaled(model.nodeValues), bias }
}
