import { AwsClient } from 'aws4fetch'
import { type Blobs, BlobsUnavailableError, checked, digestOf, placeOf } from './blobs.ts'

export interface S3Settings {
  /** Of the service, without the bucket, which goes into the path: every S3-compatible server knows that form. */
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Before every key, as `shelfedge/`. */
  readonly prefix: string
}

/** A release of 10 MB at a slow 1 MB/s takes a third of it. */
const answerTimeMaxMs = 30_000
/** Of what the server says will pass (5xx, 429), with growing pauses. */
const retriesMax = 3

/**
 * Blobs on S3-compatible storage. Throws BlobsUnavailableError at once where the bucket is not there or does not open: a hub
 * that cannot publish what it trains had better not start.
 */
export async function openS3Blobs(settings: S3Settings): Promise<Blobs> {
  const { endpoint, bucket, prefix, region, accessKeyId, secretAccessKey } = settings
  const client = new AwsClient({
    ...{ accessKeyId, secretAccessKey, region, service: 's3', retries: retriesMax },
  })
  const ask = async (path: string, init: RequestInit, allowed: readonly number[]) => {
    const response = await asked(client, `${endpoint}/${bucket}${path}`, init)
    if (allowed.includes(response.status)) return response
    // Of a HEAD the reason is the status alone.
    const said = (await response.text().catch(() => '')).slice(0, 300)
    const where = `${new URL(endpoint).origin}, bucket ${bucket}`
    throw new BlobsUnavailableError(`${where} answered ${response.status} ${said}`.trim())
  }
  const pathOf = (digest: string) => `/${prefix}${placeOf(digest).join('/')}`
  await ask('', { method: 'HEAD' }, [200])
  return {
    async put(bytes) {
      const digest = digestOf(bytes)
      const path = pathOf(digest)
      const found = await ask(path, { method: 'HEAD' }, [200, 404])
      if (found.ok && found.headers.get('content-length') === String(bytes.length)) return digest
      // Signed with the content: the server refuses what was changed on the way.
      const headers = { 'x-amz-content-sha256': digest, 'content-type': 'application/octet-stream' }
      const body = bytes as Uint8Array<ArrayBuffer>
      await (await ask(path, { method: 'PUT', headers, body }, [200, 201])).arrayBuffer()
      return digest
    },
    async get(digest) {
      const response = await ask(pathOf(digest), { method: 'GET' }, [200, 404])
      const bytes = await read(response)
      return response.ok ? checked(digest, bytes) : null
    },
  }
}

async function asked(client: AwsClient, url: string, init: RequestInit): Promise<Response> {
  try {
    return await client.fetch(url, { ...init, signal: AbortSignal.timeout(answerTimeMaxMs) })
  } catch (cause) {
    throw unavailable(url, cause)
  }
}

/** A connection may break in the middle of an answer. */
async function read(response: Response): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer())
  } catch (cause) {
    throw unavailable(response.url, cause)
  }
}

function unavailable(url: string, cause: unknown): BlobsUnavailableError {
  const { cause: reason = cause } = cause as Error
  return new BlobsUnavailableError(`${new URL(url).origin} does not answer: ${reason}`, { cause })
}
