/** What an isolate holds, MB. V8 counts the memory of WebAssembly in neither of the others. */
export interface Held {
  readonly heapMb: number
  readonly buffersMb: number
  readonly linearMb: number
}

export interface IsolateInspector {
  /** Collects garbage first: what is left is in use. */
  live(): Promise<Held>
  /** As it is, with what is not collected yet; of linear memory what the last `live` found. */
  uncollected(): Promise<Held>
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

/** Asks the inspector of an isolate, as a debugger does (Chrome DevTools Protocol). */
export async function inspectIsolate(address: URL): Promise<IsolateInspector> {
  const { ask, contextId, close } = await connect(address)
  const evaluated = await ask<{ result: RemoteObject }>('Runtime.evaluate', {
    ...{ expression: 'WebAssembly.Memory.prototype', contextId },
  })
  let linearMb = 0
  const uncollected = async (): Promise<Held> => {
    const usage = await ask<HeapUsage>('Runtime.getHeapUsage')
    return {
      ...{ heapMb: usage.usedSize / mb, buffersMb: usage.backingStorageSize / mb },
      linearMb,
    }
  }
  return {
    live: async () => {
      // To find every object of a kind V8 collects all garbage.
      const found = await ask<{ objects: RemoteObject }>('Runtime.queryObjects', {
        ...{ prototypeObjectId: evaluated.result.objectId, objectGroup: 'found' },
      })
      const sum = await ask<{ result: RemoteObject }>('Runtime.callFunctionOn', {
        objectId: found.objects.objectId,
        functionDeclaration:
          'function () { return this.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) }',
      })
      await ask('Runtime.releaseObjectGroup', { objectGroup: 'found' })
      linearMb = Number(sum.result.value) / mb
      return uncollected()
    },
    uncollected,
    close,
  }
}

async function connect(address: URL) {
  const socket = new WebSocket(address)
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = reject
  })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const context = Promise.withResolvers<number>()
  socket.onmessage = ({ data }) => {
    const { id, result, error, method, params } = JSON.parse(String(data))
    if (method === 'Runtime.executionContextCreated') context.resolve(params.context.id)
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
  return { ask, contextId: await context.promise, close: () => socket.close() }
}
