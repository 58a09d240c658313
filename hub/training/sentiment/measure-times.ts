import * as ort from 'onnxruntime-web/wasm'
import { median } from 'simple-statistics'
import type { RatedText } from '#models/sentiment/train.ts'
import { paddedText, readText } from '#shared/text/read-text.ts'
import { openModel } from '../../open-model.ts'

const textsMeasured = 2_000

/** Medians over texts, after as many that are not counted, in the runtime of the POPs. */
export async function measureTimes(
  model: Uint8Array,
  texts: readonly RatedText[],
): Promise<{ readonly readP50Ms: number; readonly scoreP50Ms: number }> {
  ort.env.wasm.numThreads = 1
  const session = await openModel(model)
  const reading: number[] = []
  const scoring: number[] = []
  for (const { text } of texts.slice(0, 2 * textsMeasured)) {
    const startedAt = performance.now()
    const inputs = paddedText(readText(text))
    const readAt = performance.now()
    const tensors = Object.entries(inputs).map(([name, values]) => [
      name,
      new ort.Tensor('int32', values, [values.length]),
    ])
    await session.run(Object.fromEntries(tensors))
    reading.push(readAt - startedAt)
    scoring.push(performance.now() - readAt)
  }
  await session.release()
  return {
    readP50Ms: median(reading.slice(textsMeasured)),
    scoreP50Ms: median(scoring.slice(textsMeasured)),
  }
}
