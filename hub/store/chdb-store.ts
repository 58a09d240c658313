/** The embedded store: chDB in a process of its own, started again when it dies. */

import { type ChildProcess, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BirpcReturn, createBirpc } from 'birpc'
import type { Answer, ChdbFunctions } from './chdb-process.ts'
import { toStoreError } from './clickhouse-errors.ts'
import { type DiskSight, FullDisk } from './full-disk.ts'
import { type Store, StoreError, type StoreErrorCode } from './store.ts'
import { storeOver, type TextEngine } from './text-engine.ts'

/** The store, and what figures want to know of its process. */
export interface ChdbStore extends Store {
  /** The most memory the process had resident, in MiB. */
  peakMb(): Promise<number>
  /** The process now, for tests that kill it; undefined while it is being started again. */
  readonly pid: number | undefined
}

export interface ChdbStoreOptions {
  /** Directory of the data; one process at a time may have it open. */
  readonly directory: string
  /** Longest wait for an answer of the process. */
  readonly answerTimeoutMs?: number
  /** Told when the process died, or why it was ended; it is started again by itself. */
  readonly onExit?: (how: string) => void
}

type Remote = BirpcReturn<ChdbFunctions, Record<string, never>>

const restartFirstMs = 100
const restartLongestMs = 10_000
const closeTimeoutMs = 10_000
/** How often the room on the disk is looked at. */
const lookMs = 1_000
/** How long the process of a hub that was killed may still hold the data; it ends when it next looks up. */
const leftBehindMs = 60_000

/** Opens the embedded store; the first call waits for the engine, which takes under a second. */
export function openChdbStore(options: ChdbStoreOptions): ChdbStore {
  mkdirSync(options.directory, { recursive: true })
  const process = new ChdbProcess(options)
  return Object.defineProperties(
    { ...storeOver(process), peakMb: () => process.call((remote) => remote.peakMb()) },
    { pid: { get: () => process.pid, enumerable: true } },
  ) as ChdbStore
}

class ChdbProcess implements TextEngine {
  readonly #options: ChdbStoreOptions
  #child: ChildProcess | null = null
  #remote: Remote | null = null
  #restarts = 0
  #restartTimer: NodeJS.Timeout | undefined
  #closed = false
  readonly #disk = new FullDisk(performance.now())
  readonly #looks: NodeJS.Timeout
  /** There from when the disk was full until the next start: which tokens are used up is known no more then. */
  readonly #wasFullFile: string
  /** What tokens end in then. */
  readonly #ofRun: string
  /** Tokens of what was inserted where there was no room, and how often. */
  readonly #triedInVain = new Map<string, number>()
  /** Why the process is ended here, where it is. */
  #endedFor: string | null = null

  constructor(options: ChdbStoreOptions) {
    this.#options = options
    this.#wasFullFile = `${options.directory}.was-full`
    this.#ofRun = existsSync(this.#wasFullFile) ? `#${randomUUID()}` : ''
    rmSync(this.#wasFullFile, { force: true })
    this.#start()
    this.#looks = setInterval(() => void this.#look(), lookMs).unref()
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** The first thing asked: it waits where the process of a killed hub is still letting go of the data. */
  async migrate(): Promise<readonly string[]> {
    const until = performance.now() + leftBehindMs
    for (;;) {
      try {
        return await this.call((remote) => remote.migrate())
      } catch (error) {
        const isStartingAgain = error instanceof StoreError && error.code === 'unavailable'
        if (!isStartingAgain || performance.now() > until) throw error
      }
      await sleep(restartFirstMs)
    }
  }

  /**
   * What is inserted while there is no room may be cut off and its token used up all the same: it is not acknowledged,
   * and inserted again it has another token. What is there twice then is folded as any other row.
   */
  async insertText(table: string, body: string, token: string): Promise<void> {
    const tried = this.#triedInVain.get(token) ?? 0
    const ownToken = `${token}${this.#ofRun}${tried === 0 ? '' : `#again-${tried}`}`
    const full = () => new StoreError('full', 'the disk of the embedded store is or was just full')
    if (await this.#look()) throw full()
    const startsBefore = this.#disk.starts
    const isInVain = () => this.#disk.isSuspect || this.#disk.starts > startsBefore
    try {
      await this.call((remote) => remote.insertText(table, body, ownToken))
      await this.#look()
      if (isInVain()) throw full()
      this.#triedInVain.delete(token)
    } catch (error) {
      if (isInVain()) this.#triedInVain.set(token, tried + 1)
      throw error
    }
  }

  queryText(...args: Parameters<TextEngine['queryText']>): Promise<string> {
    return this.call((remote) => remote.queryText(...args))
  }

  ping(): Promise<void> {
    return this.call((remote) => remote.ping())
  }

  /** Asks the process, and turns what it answers into a value or the error it stands for. */
  async call<T>(ask: (remote: Remote) => Promise<Answer<T>>): Promise<T> {
    if (this.#closed) throw new StoreError('closed', 'the store is closed')
    if (!this.#remote) throw new StoreError('unavailable', 'the embedded store is starting again')
    const answer = await ask(this.#remote).catch((error: unknown) => {
      throw toStoreError(error)
    })
    this.#restarts = 0
    if (answer.ok) return answer.value
    if (answer.code === 'full' || answer.code === 'damaged') this.#see(answer.code)
    throw new StoreError(answer.code as StoreErrorCode, answer.message)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    const closing = this.#remote?.close().catch(() => undefined)
    this.#closed = true
    clearTimeout(this.#restartTimer)
    clearInterval(this.#looks)
    const child = this.#child
    if (!child) return
    const exited = once(child, 'exit')
    await Promise.race([closing, exited, sleep(closeTimeoutMs, undefined, { ref: false })])
    if (child.connected) child.disconnect()
    const killer = setTimeout(() => child.kill('SIGKILL'), closeTimeoutMs)
    await exited
    clearTimeout(killer)
  }

  /** Whether the disk is full. */
  async #look(): Promise<boolean> {
    const found = await statfs(this.#options.directory).catch(() => null)
    if (found) this.#see({ freeBytes: found.bavail * found.bsize })
    return this.#disk.isFull
  }

  #markFull(): void {
    try {
      writeFileSync(this.#wasFullFile, '')
    } catch {
      // Where there is no room for an empty file either, a hub that ends now forgets it: this one goes on all the same.
    }
  }

  /** Ends the process where it has to be started again; what it has in hand is asked for again. */
  #see(sight: DiskSight): void {
    if (this.#closed || this.#child === null) return
    const wasFull = this.#disk.isFull
    const why = this.#disk.see(sight, performance.now())
    if (this.#disk.isFull && !wasFull) this.#markFull()
    if (why === null) return
    this.#endedFor = why
    this.#child.kill('SIGKILL')
  }

  #start(): void {
    // No flags of ours for the child, and nothing of its output among ours but what it complains about.
    const child = fork(new URL('./chdb-process.ts', import.meta.url), [this.#options.directory], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const remote: Remote = createBirpc<ChdbFunctions, Record<string, never>>(
      {},
      {
        post: (message) => child.send(message, (error) => error && remote.$close(error)),
        on: (receive) => child.on('message', receive),
        timeout: this.#options.answerTimeoutMs ?? 120_000,
      },
    )
    child.once('exit', (code, signal) => this.#exited(remote, signal ?? `code ${code}`))
    child.once('error', (error) => remote.$close(error))
    this.#child = child
    this.#remote = remote
  }

  // What was asked and not answered may or may not have been done: retryable, and tokens make a retry safe.
  #exited(remote: Remote, how: string): void {
    remote.$close(new StoreError('unavailable', `the process of the embedded store ended (${how})`))
    this.#remote = null
    this.#child = null
    if (this.#closed) return
    this.#options.onExit?.(this.#endedFor ?? how)
    this.#endedFor = null
    const waitMs = Math.min(restartLongestMs, restartFirstMs * 2 ** this.#restarts++)
    this.#restartTimer = setTimeout(() => this.#start(), waitMs)
  }
}
