import { AwsClient } from 'aws4fetch'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openS3Blobs } from '#hub/registry/s3-blobs.ts'
import { blobsContract } from '../contract/blobs-contract.ts'
import { type S3Server, s3Program, s3ServerModule, startS3 } from '../support/s3.ts'

const program = await s3Program()
if (!program)
  console.warn(`S3 tests are skipped: there is no server here (go install ${s3ServerModule}).`)

describe.skipIf(!program)('blobs on S3-compatible storage', () => {
  let server: S3Server
  let past: AwsClient
  beforeAll(async () => {
    server = await startS3(program ?? '')
    past = new AwsClient({ ...server.settings, service: 's3' })
  })
  afterAll(() => server?.stop())

  const bucket = () => `${server.settings.endpoint}/${server.settings.bucket}`
  blobsContract({
    open: () => openS3Blobs(server.settings),
    async overwrite(digest, bytes) {
      const url = `${bucket()}/tests/${digest.slice(0, 2)}/${digest}`
      const body = bytes as Uint8Array<ArrayBuffer>
      expect((await past.fetch(url, { method: 'PUT', body })).status).toBe(200)
    },
    async count() {
      const listed = await (await past.fetch(`${bucket()}?list-type=2&prefix=tests/`)).text()
      return listed.split('<Key>').length - 1
    },
  })

  test.each([
    ['a bucket that is not there', { bucket: 'nowhere' }, /bucket nowhere answered 404/],
    ['keys that open nothing', { secretAccessKey: 'another one' }, /answered 403/],
  ])('is not opened with %s', async (_what, changes, reason) => {
    const opened = openS3Blobs({ ...server.settings, ...changes })
    await expect(opened).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(reason),
    })
  })
})
