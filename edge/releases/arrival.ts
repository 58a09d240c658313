import type { LoadedRelease } from './load.ts'

/** A release on its way into the place beside the live one: nobody is answered by it yet. */
export class Arrival {
  readonly #bytesTotal: number
  #release: LoadedRelease | null = null
  #isGivenUp = false
  #isTaken = false

  constructor(bytesTotal: number) {
    this.#bytesTotal = bytesTotal
  }

  /** Of the ZIP file; 0 when it was taken or given up. */
  get bytesTotal(): number {
    return this.#isGivenUp || this.#isTaken ? 0 : this.#bytesTotal
  }

  /** Its time was up and its place is another's. */
  get isGivenUp(): boolean {
    return this.#isGivenUp
  }

  async load(load: () => Promise<LoadedRelease>): Promise<void> {
    if (this.#isGivenUp) return
    const release = await load()
    if (this.#isGivenUp) await release.dispose()
    else this.#release = release
  }

  /** What has arrived, for whoever puts it to use; null where it was given up. */
  take(): LoadedRelease | null {
    const release = this.#release
    this.#release = null
    this.#isTaken = release !== null
    return release
  }

  /** Lets go of what has arrived and was not taken. */
  async giveUp(): Promise<void> {
    this.#isGivenUp = true
    await this.take()?.dispose()
  }
}
