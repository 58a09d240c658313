import { describe, expect, it } from 'vitest'
import { newModel } from '#models/onnx/graph-builder.ts'
import { writeModel } from '#models/onnx/write-model.ts'
import { readInitializers, readMetadata } from '#shared/onnx-model.ts'

describe('readInitializers and readMetadata', () => {
  const { model, graph } = newModel('example', 16)
  const arrays = {
    odd: Uint8Array.of(1, 2, 255),
    halves: Float32Array.of(0.5, -1.25),
    shorts: Uint16Array.of(0, 65535),
    ints: Int32Array.of(-1, 2 ** 31 - 1),
    longs: BigInt64Array.of(-1n, 2n ** 40n),
    none: new Int32Array(),
  }
  for (const [name, data] of Object.entries(arrays)) graph.constant(name, data)
  model.metadata.set('key', 'Wörter')
  const bytes = writeModel(model)

  it('give back what was written, whatever the alignment', () => {
    for (const shift of [0, 1, 2, 3]) {
      const moved = new Uint8Array(bytes.length + shift)
      moved.set(bytes, shift)
      const read = readInitializers(moved.subarray(shift))
      expect([...read.keys()]).toEqual(Object.keys(arrays))
      for (const [name, data] of Object.entries(arrays)) expect(read.get(name)?.data).toEqual(data)
    }
    expect(readMetadata(bytes)).toEqual(new Map([['key', 'Wörter']]))
  })

  it('find nothing in no bytes and refuse a cut file', () => {
    expect(readInitializers(new Uint8Array()).size).toBe(0)
    expect(() => readInitializers(bytes.subarray(0, bytes.length >> 1))).toThrow()
  })
})
