import { expect, it } from 'vitest'
import { readBody } from '#hub/read-body.ts'

const bounds = { bytesMax: 8, timeMaxMs: 10_000 }

function requestOf(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  return new Request('http://hub/', {
    ...{ method: 'POST', body, headers, duplex: 'half' },
  } as RequestInit)
}

/** Sends these and then nothing more, and never ends. */
function unending(...texts: string[]): ReadableStream {
  const chunks = texts.map((text) => new TextEncoder().encode(text))
  return new ReadableStream(
    {
      pull(controller) {
        const chunk = chunks.shift()
        if (chunk) controller.enqueue(chunk)
        return chunk ? undefined : new Promise(() => undefined)
      },
    },
    { highWaterMark: 0 },
  )
}

it.each([
  ['12345678', '12345678'],
  ['', ''],
  [null, ''],
])('a body within its bounds is read whole: %j', async (body, expected) => {
  expect(Buffer.from(await readBody(requestOf(body), bounds)).toString()).toBe(expected)
})

it('a body that says that it is too long is not read at all', async () => {
  const request = requestOf(unending('12345678'), { 'content-length': '9' })
  await expect(readBody(request, bounds)).rejects.toMatchObject({ status: 413 })
  expect(request.bodyUsed).toBe(false)
})

it('a body that does not say its length is read as far as it may go', async () => {
  const request = requestOf(unending('12345', '6789', 'never asked for'))
  await expect(readBody(request, bounds)).rejects.toMatchObject({
    ...{ status: 413, code: 'body_too_large', message: 'a body may have at most 8 bytes' },
  })
})

it('a body whose end does not come is waited for no longer than was said', async () => {
  const request = requestOf(unending('1234'))
  await expect(readBody(request, { ...bounds, timeMaxMs: 20 })).rejects.toMatchObject({
    ...{ status: 408, code: 'body_too_slow', message: /within 0.02 seconds/ },
  })
})

it('a body that breaks off fails as it broke', async () => {
  const broken = new ReadableStream({ pull: () => Promise.reject(new Error('cut off')) })
  await expect(readBody(requestOf(broken), bounds)).rejects.toThrow('cut off')
})
