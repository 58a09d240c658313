import { limits } from '#shared/limits.ts'
import type { Push, Resumed } from './pushes.ts'

interface Stream {
  readonly writer: WritableStreamDefaultWriter<Uint8Array>
  readonly openedAtMs: number
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
  hasRoomFor(visitor: string): boolean {
    const own = this.#byVisitor.get(visitor)?.size ?? 0
    return own >= limits.streamsPerVisitorMax || this.#total < this.#ports.streamsMax
  }

  /** Opens a stream that begins with what was missed; null where no more may be open. A visitor's oldest gives way. */
  open(visitor: string, { pushes, hasMissed }: Resumed): ReadableStream | null {
    if (!this.hasRoomFor(visitor)) return null
    const streams = this.#byVisitor.get(visitor) ?? new Set()
    if (streams.size >= limits.streamsPerVisitorMax) this.#close(visitor, first(streams))
    const { readable, writable } = new IdentityTransformStream()
    const writer = writable.getWriter()
    const stream: Stream = { writer, openedAtMs: this.#ports.now(), bytesWaiting: 0 }
    this.#byVisitor.set(visitor, streams.add(stream))
    this.#total++
    this.#heartbeat ??= setInterval(() => this.#beat(), heartbeatMs)
    writer.closed.catch(() => this.#close(visitor, stream))
    this.#write(visitor, stream, `retry: ${retryMs}\n\n`)
    if (hasMissed) this.#write(visitor, stream, 'event: missed\ndata: {}\n\n')
    for (const push of pushes) this.#write(visitor, stream, eventOf(push))
    return readable
  }

  push(visitor: string, push: Push): void {
    for (const stream of this.#byVisitor.get(visitor) ?? []) {
      this.#write(visitor, stream, eventOf(push))
    }
  }

  /** Ends a visitor's streams. */
  end(visitor: string): void {
    for (const stream of this.#byVisitor.get(visitor) ?? []) this.#close(visitor, stream)
  }

  /** A stream that is not read is closed, and resumes where it stood: nothing piles up for it. */
  #write(visitor: string, stream: Stream, text: string): void {
    const bytes = new TextEncoder().encode(text)
    stream.bytesWaiting += bytes.length
    if (stream.bytesWaiting > limits.streamBytesWaitingMax) {
      this.#close(visitor, stream)
      return
    }
    stream.writer.write(bytes).then(
      () => {
        stream.bytesWaiting -= bytes.length
      },
      () => this.#close(visitor, stream),
    )
  }

  #beat(): void {
    const openedBefore = this.#ports.now() - limits.streamMsMax
    for (const [visitor, streams] of this.#byVisitor) {
      for (const stream of streams) {
        if (stream.openedAtMs < openedBefore) this.#close(visitor, stream)
        else this.#write(visitor, stream, ':\n\n')
      }
    }
  }

  #close(visitor: string, stream: Stream): void {
    const streams = this.#byVisitor.get(visitor)
    if (!streams?.delete(stream)) return
    this.#total--
    if (streams.size === 0) this.#byVisitor.delete(visitor)
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
