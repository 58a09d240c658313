import type { MeasuredHub } from '../measured-hub.ts'

interface Pushed {
  readonly accepted: boolean
  readonly reason: string
  readonly release: string | null
  readonly readyPops: number
  readonly figures: Readonly<Record<string, number>>
}

/** Pushes a model; a refusal is an answer. One that is too large for any push is refused as a whole. */
export async function pushTo(
  hub: MeasuredHub,
  { bytes, declaration }: { bytes: Uint8Array<ArrayBuffer>; declaration: object },
): Promise<Pushed> {
  const form = new FormData()
  form.set('name', 'session-knn')
  form.set('declaration', JSON.stringify(declaration))
  form.set('model', new File([bytes], 'model.onnx'))
  const response = await hub.send('/v1/models', { method: 'POST', body: form })
  const answer = (await response.json()) as Partial<Pushed> & { detail?: string }
  if (response.status !== 413) return answer as Pushed
  return { accepted: false, reason: answer.detail ?? '', release: null, readyPops: 0, figures: {} }
}
