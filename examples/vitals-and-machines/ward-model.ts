import { calibrated, calibration } from '#models/tabular/calibrate.ts'
import { type Examples, rowOf } from '#models/tabular/examples.ts'
import { buildTabularModel } from '#models/tabular/graph.ts'
import { defaultTreesSettings, trainTrees } from '#models/tabular/train-trees.ts'
import { columnsOf, type Feature } from '#shared/tabular/feature.ts'
import { marginOf } from '#shared/tabular/model.ts'
import { encodeFeatures } from '#shared/tabular/read-features.ts'
import type { Bed, Reading } from './ward.ts'

const sign = (name: string, imputed: number): Feature => ({
  ...{ name, from: `event.${name}`, type: 'number', imputed },
})
/** A sensor that gave nothing is taken to have read what is usual. */
const features = [sign('heartRate', 75), sign('breaths', 15), sign('oxygen', 97)]

/** How likely a patient is getting worse, by the three signs together: an ONNX file and what to declare of it. */
export function trainWardModel(beds: readonly Bed[], heldBack: readonly Bed[]) {
  const held = examplesOf(heldBack)
  const raw = trainTrees(examplesOf(beds), held, { ...defaultTreesSettings, depthMax: 4 })
  const margins = Float64Array.from(held.labels, (_, at) => marginOf(raw, rowOf(held, at)))
  const trees = calibrated(raw, calibration(margins, held.labels))
  return {
    trees,
    declaration: { family: 'tabular', features } as const,
    model: buildTabularModel(trees, columnsOf(features).length),
  }
}

function examplesOf(beds: readonly Bed[]): Examples {
  const readings = beds.flatMap((bed) => bed.readings)
  return {
    columns: columnsOf(features).length,
    rows: Float32Array.from(readings.flatMap((reading) => [...rowOfReading(reading)])),
    labels: Uint8Array.from(readings, ({ isIll }) => (isIll ? 1 : 0)),
  }
}

/** The row that the POP makes of the same reading. */
export function rowOfReading({ heartRate, breaths, oxygen }: Reading): Float32Array {
  const signs = Object.entries({ heartRate, breaths, oxygen })
  const told = signs.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]))
  return encodeFeatures(features, Object.fromEntries(told))
}
