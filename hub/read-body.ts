import { RequestRefused } from '#shared/request-refused.ts'

export interface BodyBounds {
  readonly bytesMax: number
  readonly timeMaxMs: number
}

/**
 * Reads a body whole, with or without a stated length. Throws RequestRefused 413 for one that is too long, and 408 where
 * its end does not come in time; nothing further of it is read then.
 */
export async function readBody(request: Request, bounds: BodyBounds): Promise<Uint8Array> {
  const { bytesMax, timeMaxMs } = bounds
  const tooLarge = () =>
    new RequestRefused(413, 'body_too_large', `a body may have at most ${bytesMax} bytes`)
  if (Number(request.headers.get('content-length')) > bytesMax) throw tooLarge()
  if (request.body === null) return new Uint8Array()
  const reader = request.body.getReader()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    // Ends a read that waits; to cancel it would close the connection ahead of the answer.
    reader.releaseLock()
  }, timeMaxMs)
  const chunks: Uint8Array[] = []
  let bytesTotal = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return Buffer.concat(chunks)
      bytesTotal += value.length
      if (bytesTotal > bytesMax) throw tooLarge()
      chunks.push(value)
    }
  } catch (cause) {
    if (!isLate) throw cause
    const detail = `a body has to come within ${timeMaxMs / 1_000} seconds`
    throw new RequestRefused(408, 'body_too_slow', detail)
  } finally {
    clearTimeout(timer)
  }
}
