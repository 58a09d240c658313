import { limits } from '#shared/limits.ts'
import type { Push, Resumed } from './pushes.ts'

interface Stream {
  readonly writer: WritableStreamDefaultWriter<Uint8Array>
  readonly openedAtMs: number
  readonly visitor: string
  /** The address that it was opened from. */
  readonly client: string
  /** Of a decision. */
  isTold: boolean
  bytesWaiting: number
}

interface Ports {
  readonly now: () => number
  /** Open at once, of all visitors. */
  readonly streamsMax: number
}

/** Comments this far apart keep proxies from closing an idle stream, and find clients that are gone. */
const heartbeatMs = 20_000
const retryMs = 2_000

/** The open streams of one object's visitors: server-sent events, bounded in number, age and what waits unread. */
export class Streams {
  readonly #ports: Ports
  readonly #byVisitor = new Map<string, Set<Stream>>()
  #total = 0
  #heartbeat: ReturnType<typeof setInterval> | null = null

  constructor(ports: Ports) {
    this.#ports = ports
  }

  /** Whether one more may be open. */
  hasRoomFor(visitor: string, client: string): boolean {
    return this.#total < this.#ports.streamsMax || this.#yielding(visitor, client) !== undefined
  }

  /** Opens a stream that begins with what was missed; null where no more may be open. */
  open(visitor: string, client: string, resumed: Resumed): ReadableStream | null {
    const { from, pushes, hasMissed } = resumed
    const own = this.#byVisitor.get(visitor)?.size ?? 0
    if (own >= limits.streamsPerVisitorMax || this.#total >= this.#ports.streamsMax) {
      const yielding = this.#yielding(visitor, client)
      if (yielding === undefined) return null
      this.#close(yielding)
    }
    const { readable, writable } = new IdentityTransformStream()
    const writer = writable.getWriter()
    const openedAtMs = this.#ports.now()
    const stream: Stream = {
      ...{ writer, openedAtMs, visitor, client, isTold: false, bytesWaiting: 0 },
    }
    const streams = this.#byVisitor.get(visitor) ?? new Set()
    this.#byVisitor.set(visitor, streams.add(stream))
    this.#total++
    this.#heartbeat ??= setInterval(() => this.#beat(), heartbeatMs)
    writer.closed.catch(() => this.#close(stream))
    this.#write(stream, `retry: ${retryMs}\n\n`)
    if (hasMissed) this.#write(stream, 'event: missed\ndata: {}\n\n')
    for (const push of pushes) this.#write(stream, eventOf(push))
    // An id without data is kept by a client and shown to nobody: it can go on from here.
    this.#write(stream, `id: ${from}\n\n`)
    stream.isTold = pushes.length > 0
    return readable
  }

  /**
   * The stream that gives way to one more where no more may be open: the oldest of a visitor who has as many as one
   * may; of the client that has most, where that is more than this one would have; the oldest that was told nothing.
   * Whoever opens many keeps nobody else out, and a stream that gave way goes on where it was.
   */
  #yielding(visitor: string, client: string): Stream | undefined {
    const own = this.#byVisitor.get(visitor)
    if (own && own.size >= limits.streamsPerVisitorMax) return first(own)
    const all = [...this.#byVisitor.values()]
      .flatMap((streams) => [...streams])
      .sort((left, right) => left.openedAtMs - right.openedAtMs)
    const byClient = Map.groupBy(all, (stream) => stream.client)
    const most = [...byClient.values()].reduce(
      (left, right) => (right.length > left.length ? right : left),
      [],
    )
    if (most.length > (byClient.get(client)?.length ?? 0) + 1) return most[0]
    return all.find(({ isTold }) => !isTold)
  }

  push(visitor: string, push: Push): void {
    for (const stream of this.#byVisitor.get(visitor) ?? []) {
      stream.isTold = true
      this.#write(stream, eventOf(push))
    }
  }

  /** Ends a visitor's streams. */
  end(visitor: string): void {
    for (const stream of this.#byVisitor.get(visitor) ?? []) this.#close(stream)
  }

  /** A stream that is not read is closed, and resumes where it stood: nothing piles up for it. */
  #write(stream: Stream, text: string): void {
    // Not by what comes: one that is larger than that alone would never be told.
    if (stream.bytesWaiting > limits.streamBytesWaitingMax) {
      this.#close(stream)
      return
    }
    const bytes = new TextEncoder().encode(text)
    stream.bytesWaiting += bytes.length
    stream.writer.write(bytes).then(
      () => {
        stream.bytesWaiting -= bytes.length
      },
      () => this.#close(stream),
    )
  }

  #beat(): void {
    const openedBefore = this.#ports.now() - limits.streamMsMax
    for (const streams of this.#byVisitor.values()) {
      for (const stream of streams) {
        if (stream.openedAtMs < openedBefore) this.#close(stream)
        else this.#write(stream, ':\n\n')
      }
    }
  }

  #close(stream: Stream): void {
    const streams = this.#byVisitor.get(stream.visitor)
    if (!streams?.delete(stream)) return
    this.#total--
    if (streams.size === 0) this.#byVisitor.delete(stream.visitor)
    // Not awaited: a client that does not read would keep it from ending.
    const isUnread = stream.bytesWaiting > limits.streamBytesWaitingMax
    const ending = isUnread ? stream.writer.abort('not read') : stream.writer.close()
    ending.catch(() => {})
    if (this.#total > 0 || this.#heartbeat === null) return
    clearInterval(this.#heartbeat)
    this.#heartbeat = null
  }
}

function first<Value>(values: Set<Value>): Value {
  return values.values().next().value as Value
}

function eventOf({ number, data }: Push): string {
  return `id: ${number}\nevent: decision\ndata: ${data}\n\n`
}
