import { RequestRefused } from '#shared/request-refused.ts'

/**
 * Reads a body, inflated where `Content-Encoding` says gzip or deflate, and stops at the bound: a bomb
 * is refused at its first byte too many. What `Content-Type` says is not looked at: SDKs mislabel it.
 */
export async function readBody(
  request: Request,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const stated = request.headers.get('content-length')
  if (Number(stated ?? 0) > bytesMax) throw tooLarge(bytesMax)
  if (request.body === null) return new Uint8Array()
  const encoding = (request.headers.get('content-encoding') ?? 'identity').trim().toLowerCase()
  if (encoding === 'identity' || encoding === '') {
    // HTTP holds a body to the length that was just checked, and one read costs less than a stream of chunks.
    if (/^\d+$/.test(stated ?? '')) return new Uint8Array(await request.arrayBuffer())
    return gather(request.body, bytesMax)
  }
  if (encoding !== 'gzip' && encoding !== 'deflate') {
    throw new RequestRefused(415, 'unsupported_encoding', `${encoding} is not gzip or deflate`)
  }
  try {
    return await gather(request.body.pipeThrough(new DecompressionStream(encoding)), bytesMax)
  } catch (cause) {
    if (cause instanceof RequestRefused) throw cause
    throw new RequestRefused(400, 'not_compressed', `the body is not ${encoding}`)
  }
}

async function gather(stream: ReadableStream, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of stream as ReadableStream<Uint8Array>) {
    total += chunk.length
    if (total > bytesMax) throw tooLarge(bytesMax)
    chunks.push(chunk)
  }
  const bytes = new Uint8Array(total)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

function tooLarge(bytesMax: number): RequestRefused {
  return new RequestRefused(413, 'body_too_large', `a body may have ${bytesMax} bytes`)
}
