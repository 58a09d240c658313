const pageBytes = 65_536

/** The linear memory of a WebAssembly runtime, made by it and bounded by us. */
export interface LinearMemory {
  megabytes(): number
}

/**
 * Bounds every shared memory that a runtime makes from now on in this process: a module states the most it
 * could use, and less is allowed. Past the bound an allocation fails inside the runtime, as in an isolate.
 */
export function boundLinearMemory(megabytesMax: number): LinearMemory {
  const pagesMax = Math.floor((megabytesMax * 2 ** 20) / pageBytes)
  const made: WebAssembly.Memory[] = []
  const Unbounded = WebAssembly.Memory
  WebAssembly.Memory = class BoundMemory extends Unbounded {
    constructor(wanted: WebAssembly.MemoryDescriptor) {
      super({ ...wanted, maximum: Math.min(wanted.maximum ?? pagesMax, pagesMax) })
      made.push(this)
    }
  }
  return {
    megabytes: () => made.reduce((sum, memory) => sum + memory.buffer.byteLength, 0) / 2 ** 20,
  }
}
