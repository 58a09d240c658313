import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openS3Blobs } from '#hub/registry/s3-blobs.ts'

// What a storage does that is in trouble; the contract is tried on a real one (test/real/s3-blobs.test.ts).

let statuses: number[] = []
let server: Server
let endpoint = ''
beforeEach(async () => {
  server = createServer((request, response) => {
    request.resume()
    const status = statuses.shift() ?? 200
    // An answer that breaks off in the middle.
    if (status === 0) {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('half')
      setImmediate(() => request.socket.destroy())
      return
    }
    response.writeHead(status).end(status === 200 ? '' : '<Error>SlowDown</Error>')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => server.close())

const open = (at = endpoint) =>
  openS3Blobs({
    ...{ endpoint: at, bucket: 'releases', region: 'us-east-1', prefix: '' },
    ...{ accessKeyId: 'key', secretAccessKey: 'secret' },
  })
const digest = '0'.repeat(64)

it('goes on where the storage is busy for a moment', async () => {
  statuses = [503, 200, 503, 404]
  expect(await (await open()).get(digest)).toBeNull()
  expect(statuses).toEqual([])
})

it('says who answered what, where it does not help', async () => {
  const blobs = await open()
  statuses = [403]
  await expect(blobs.get(digest)).rejects.toMatchObject({
    ...{ code: 'unavailable', message: expect.stringMatching(/answered 403 .*SlowDown/) },
  })
  statuses = [404, 507, 507, 507, 507, 507]
  await expect(blobs.put(new Uint8Array(3))).rejects.toMatchObject({ code: 'unavailable' })
})

it('takes half an answer for none', async () => {
  const blobs = await open()
  statuses = [0]
  await expect(blobs.get(digest)).rejects.toMatchObject({ code: 'unavailable' })
})

it('is not opened where nobody answers', async () => {
  await expect(open('http://127.0.0.1:1')).rejects.toMatchObject({
    ...{ code: 'unavailable', message: expect.stringContaining('does not answer') },
  })
})
