import { onnxDataTypes } from '#shared/onnx-model.ts'
import { farthest, type SegmentsModel, segmentsMetadata } from '#shared/tabular/segments.ts'
import { newModel } from '../onnx/graph-builder.ts'
import { writeModel } from '../onnx/write-model.ts'

const opset = 16

/**
 * Builds the ONNX file: its constants are the model, its nodes the maths of `segmentOf`. Input `features`: float32
 * [1, columns]. Output `score`: float32 [1], the number of the segment.
 */
export function buildSegmentsModel(segments: SegmentsModel): Uint8Array {
  const { model, graph } = newModel('segments', opset)
  const { centres, scales, centroids } = segments
  const columns = centres.length
  graph.constant('centres', centres)
  graph.constant('scales', scales)
  model.initializers.set('centroids', {
    ...{ dims: [centroids.length / columns, columns], dataType: onnxDataTypes.float },
    data: centroids,
  })
  const size = graph.op('Add', [graph.op('Abs', ['features']), graph.float(1)])
  const log = graph.op('Mul', [graph.op('Sign', ['features']), graph.op('Log', [size])])
  const scaled = graph.op('Mul', [graph.op('Sub', [log, 'centres']), 'scales'])
  const z = graph.op('Clip', [scaled, scalar(-farthest), scalar(farthest)])
  const away = graph.op('Sub', ['centroids', z])
  const distances = graph.op('ReduceSum', [graph.op('Mul', [away, away]), graph.int64(1)], {
    keepdims: 0,
  })
  const nearest = graph.op('ArgMin', [distances], { axis: 0, keepdims: 1 })
  graph.ops('Cast', [nearest], ['score'], { to: onnxDataTypes.float })
  model.inputs.push({ name: 'features', dataType: onnxDataTypes.float, dims: [1, columns] })
  model.outputs.push({ name: 'score', dataType: onnxDataTypes.float, dims: [1] })
  model.metadata.set(segmentsMetadata.key, segmentsMetadata.kind)
  return writeModel(model)

  function scalar(value: number): string {
    const name = `scalar_${value}`
    const data = Float32Array.of(value)
    model.initializers.set(name, { dims: [], dataType: onnxDataTypes.float, data })
    return name
  }
}
