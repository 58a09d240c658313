import { streamBlocks, textReader } from './stream-blocks.ts'

/** Streams of a POP's decisions, one a visitor, and what they have told so far. */
export function toldStreams(popUrl: string, writeKey: string) {
  const stopping = new AbortController()
  const visitors = new Set<string>()
  const told: { readonly decisionId: string }[] = []

  async function read(body: ReadableStream<Uint8Array>): Promise<void> {
    for await (const { event, data = '' } of streamBlocks(textReader(body))) {
      if (event === 'decision') told.push(JSON.parse(data))
    }
  }

  return {
    told,
    /** A visitor's, open once this resolves; it has one however often it is called. */
    async open(anonymousId: string): Promise<void> {
      if (visitors.has(anonymousId)) return
      visitors.add(anonymousId)
      const query = new URLSearchParams({ writeKey, anonymousId })
      const { signal } = stopping
      const response = await fetch(`${popUrl}/v1/stream?${query}`, { signal })
      if (!response.ok || response.body === null) throw new Error(`a stream: ${response.status}`)
      read(response.body).catch((cause: unknown) => {
        if (!signal.aborted) throw cause
      })
    },
    close: () => stopping.abort(),
  }
}
export type ToldStreams = ReturnType<typeof toldStreams>
