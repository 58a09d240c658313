import type { LogisticModel } from '#shared/tabular/model.ts'
import { baseRate, type Examples, logit, sigmoid } from './examples.ts'

export interface LogisticSettings {
  /** Strength of the ridge on standardised weights, in examples; the bias has none. */
  readonly ridge: number
  readonly passesMax: number
}

export const defaultLogisticSettings: LogisticSettings = { ridge: 1, passesMax: 200 }

/** A step smaller than this on a standardised weight changes no score. */
const stepMin = 1e-6
/** How far one step may go: a Newton step of a nearly certain model would leave the parabola it was made from. */
const stepMax = 1

/**
 * Logistic regression with a ridge, by Newton steps on one weight after the other (Genkin, Lewis, Madigan 2007).
 * Same examples, same weights. It ends when no step is larger than `stepMin`, or after `passesMax` passes.
 */
export function trainLogistic(examples: Examples, settings: LogisticSettings): LogisticModel {
  const { columns, labels } = examples
  const { means, deviations, values } = standardised(examples)
  const weights = new Float64Array(columns)
  let bias = logit(baseRate(examples))
  const margins = new Float64Array(labels.length).fill(bias)
  for (let pass = 0; pass < settings.passesMax; pass++) {
    const biasStep = newtonStep(margins, labels, null, 0, 0)
    bias += biasStep
    move(margins, null, biasStep)
    let largest = Math.abs(biasStep)
    for (let column = 0; column < columns; column++) {
      if (deviations[column] === 0) continue
      const of = values.subarray(column * labels.length, (column + 1) * labels.length)
      const step = newtonStep(margins, labels, of, weights[column] as number, settings.ridge)
      weights[column] = (weights[column] as number) + step
      move(margins, of, step)
      largest = Math.max(largest, Math.abs(step))
    }
    if (largest < stepMin) break
  }
  return unscaled(weights, bias, means, deviations)
}

/** One step on one weight; `values` of its column, null for the bias. */
function newtonStep(
  margins: Float64Array,
  labels: Uint8Array,
  values: Float64Array | null,
  weight: number,
  ridge: number,
): number {
  let slope = -ridge * weight
  let curvature = ridge + 1e-9
  for (let at = 0; at < labels.length; at++) {
    const value = values === null ? 1 : (values[at] as number)
    if (value === 0) continue
    const probability = sigmoid(margins[at] as number)
    slope += ((labels[at] as number) - probability) * value
    curvature += probability * (1 - probability) * value * value
  }
  return Math.max(-stepMax, Math.min(stepMax, slope / curvature))
}

function move(margins: Float64Array, values: Float64Array | null, step: number): void {
  for (let at = 0; at < margins.length; at++) {
    margins[at] = (margins[at] as number) + step * (values === null ? 1 : (values[at] as number))
  }
}

/** Every column with mean 0 and deviation 1, one after the other: steps on one are then as good as on another. */
function standardised({ columns, rows, labels }: Examples) {
  const count = labels.length
  const means = new Float64Array(columns)
  const deviations = new Float64Array(columns)
  const values = new Float64Array(count * columns)
  for (let column = 0; column < columns; column++) {
    let sum = 0
    for (let at = 0; at < count; at++) sum += rows[at * columns + column] as number
    const mean = sum / count
    let squares = 0
    for (let at = 0; at < count; at++)
      squares += ((rows[at * columns + column] as number) - mean) ** 2
    const deviation = Math.sqrt(squares / count)
    means[column] = mean
    deviations[column] = deviation
    if (deviation === 0) continue
    for (let at = 0; at < count; at++) {
      values[column * count + at] = ((rows[at * columns + column] as number) - mean) / deviation
    }
  }
  return { means, deviations, values }
}

/** The same model for rows as they come. */
function unscaled(
  weights: Float64Array,
  bias: number,
  means: Float64Array,
  deviations: Float64Array,
): LogisticModel {
  const raw = weights.map((weight, column) =>
    weight === 0 ? 0 : weight / (deviations[column] as number),
  )
  const shift = raw.reduce((sum, weight, column) => sum + weight * (means[column] as number), 0)
  return {
    kind: 'logistic',
    weights: Float32Array.from(raw),
    bias: Float32Array.of(bias - shift),
  }
}
