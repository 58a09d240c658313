import type { GraphBuilder, Value } from './graph-builder.ts'

/** Values of a vector, and how many they are. */
export interface Addends {
  readonly values: Value
  readonly length: number
}

/** One after the other: ReduceSum adds in an order of its own, and the fallback in TypeScript could not follow. */
export function summed(graph: GraphBuilder, { values, length }: Addends): Value {
  const zero = graph.filled(graph.int64(1), Float32Array.of(0))
  return graph.addAt(zero, graph.constant('addends', new Int32Array(length)), values)
}
