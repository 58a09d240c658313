/** What an isolate holds, MB. V8 counts the memory of WebAssembly in neither of the others. */
export interface Held {
  readonly heapMb: number
  readonly buffersMb: number
  readonly linearMb: number
}

export interface IsolateInspector {
  /** What is in use: garbage is collected first. */
  inUse(): Promise<Held>
  /**
   * The most in use while work goes on: looked at wherever the worker says `debugger`, where it is held until its garbage is
   * collected and what is left is counted. Throws where it never does.
   */
  /**
   * The most in use while work goes on: looked at wherever the worker says `debugger`, once at each place, where it is held
   * until its garbage is collected and what is left is counted. Throws where it never does.
   */
  mostInUse(work: () => Promise<unknown>): Promise<Held>
  /** The most while work goes on, with what is not collected yet; of linear memory, what was found last. */
  mostUncollected(work: () => Promise<unknown>): Promise<Held>
  close(): void
}

interface HeapUsage {
  readonly usedSize: number
  readonly backingStorageSize: number
}

interface RemoteObject {
  readonly objectId: string
  readonly value?: unknown
}

const mb = 2 ** 20
const linearBytes =
  'function () { return this.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) }'

export function totalMb({ heapMb, buffersMb, linearMb }: Held): number {
  return heapMb + buffersMb + linearMb
}

/** Asks the inspector of an isolate, as a debugger does (Chrome DevTools Protocol). */
export async function inspectIsolate(address: URL): Promise<IsolateInspector> {
  const { ask, contextId, onPaused, close } = await connect(address)
  const { result: memories } = await ask<{ result: RemoteObject }>('Runtime.evaluate', {
    ...{ expression: 'WebAssembly.Memory.prototype', contextId },
  })
  let linearMb = 0
  const asItIs = async (): Promise<Held> => {
    const usage = await ask<HeapUsage>('Runtime.getHeapUsage')
    const [heapMb, buffersMb] = [usage.usedSize / mb, usage.backingStorageSize / mb]
    return { heapMb, buffersMb, linearMb }
  }
  const inUse = async (): Promise<Held> => {
    // To find every object of a kind V8 collects all garbage.
    const { objects } = await ask<{ objects: RemoteObject }>('Runtime.queryObjects', {
      ...{ prototypeObjectId: memories.objectId, objectGroup: 'found' },
    })
    const { result } = await ask<{ result: RemoteObject }>('Runtime.callFunctionOn', {
      ...{ objectId: objects.objectId, functionDeclaration: linearBytes },
    })
    await ask('Runtime.releaseObjectGroup', { objectGroup: 'found' })
    linearMb = Number(result.value) / mb
    return asItIs()
  }
  return {
    inUse,
    mostInUse: async (work) => {
      let most = await inUse()
      const seen = new Set<string>()
      onPaused(async (place) => {
        if (!seen.has(place)) most = larger(most, await inUse())
        seen.add(place)
        await ask('Debugger.resume')
      })
      await ask('Debugger.enable')
      await work()
      await ask('Debugger.disable')
      if (seen.size === 0) throw new Error('the isolate has not stopped to be looked at')
      return larger(most, await inUse())
    },
    mostUncollected: async (work) => {
      let most = await asItIs()
      let isOver = false
      const looking = (async () => {
        while (!isOver) most = larger(most, await asItIs())
      })()
      await work().finally(() => {
        isOver = true
      })
      await looking
      return most
    },
    close,
  }
}

export function larger(one: Held, other: Held): Held {
  return totalMb(one) > totalMb(other) ? one : other
}

async function connect(address: URL) {
  const socket = new WebSocket(address)
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = reject
  })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const context = Promise.withResolvers<number>()
  let paused = async (_place: string) => {}
  socket.onmessage = ({ data }) => {
    const { id, result, error, method, params } = JSON.parse(String(data))
    if (method === 'Runtime.executionContextCreated') context.resolve(params.context.id)
    if (method === 'Debugger.paused') void paused(JSON.stringify(params.callFrames[0].location))
    const answer = waiting.get(id)
    waiting.delete(id)
    if (error) answer?.reject(new Error(`the inspector says: ${error.message}`))
    else answer?.resolve(result)
  }
  let asked = 0
  const ask = <Result>(method: string, params: object = {}): Promise<Result> => {
    const answer = Promise.withResolvers<unknown>()
    waiting.set(++asked, answer)
    socket.send(JSON.stringify({ id: asked, method, params }))
    return answer.promise as Promise<Result>
  }
  await ask('Runtime.enable')
  const onPaused = (then: (place: string) => Promise<void>) => {
    paused = then
  }
  return { ask, contextId: await context.promise, onPaused, close: () => socket.close() }
}
