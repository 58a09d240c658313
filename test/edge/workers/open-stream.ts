import { SELF } from 'cloudflare:test'
import { streamBlocks, textReader } from '#test/support/stream-blocks.ts'
import { address } from './pop.ts'

const opened: ReadableStreamDefaultReader<string>[] = []

/** Ends every stream that a test has left open. */
export async function closeStreams(): Promise<void> {
  await Promise.all(opened.splice(0).map((reader) => reader.cancel().catch(() => {})))
}

interface StreamEvent {
  readonly id: string
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A stream as a browser has it: `next` answers the next event, retry and comments left out. */
export async function openStream(visitor: string, headers: Record<string, string> = {}) {
  const path = `/v1/stream?writeKey=demo&anonymousId=${visitor}`
  const response = await SELF.fetch(address + path, { headers })
  const body = response.body as ReadableStream<Uint8Array>
  const reader = textReader(body)
  opened.push(reader)
  const blocks = streamBlocks(reader)
  const block = async () => (await blocks.next()).value ?? null
  return {
    response,
    /** The id that it begins with. */
    async begin(): Promise<string> {
      for (;;) {
        const fields = await block()
        if (fields === null || fields.id) return fields?.id ?? ''
      }
    },
    async next(): Promise<StreamEvent | null> {
      for (;;) {
        const fields = await block()
        if (fields === null) return null
        if (fields.event) return { ...fields, data: JSON.parse(fields.data ?? '') } as StreamEvent
      }
    },
    close: () => reader.cancel(),
  }
}
