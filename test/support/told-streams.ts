/** Streams of a POP's decisions, one a visitor, and what they have told so far. */
export function toldStreams(popUrl: string, writeKey: string) {
  const stopping = new AbortController()
  const visitors = new Set<string>()
  const told: { readonly decisionId: string }[] = []

  async function read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    let text = ''
    for await (const part of body) {
      const events = (text + decoder.decode(part, { stream: true })).split('\n\n')
      text = events.pop() as string
      for (const event of events) {
        const data = /^event: decision\ndata: (.*)$/m.exec(event)?.[1]
        if (data !== undefined) told.push(JSON.parse(data))
      }
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
      read(response.body).catch(() => {})
    },
    close: () => stopping.abort(),
  }
}
export type ToldStreams = ReturnType<typeof toldStreams>
