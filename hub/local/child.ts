import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
const stopTimeMaxMs = 15_000
const readyTimeMaxMs = 90_000
const askAgainMs = 100

/** A part of the local system that did not come up; the sentence says where to look. */
export class ChildError extends Error {
  override readonly name = 'ChildError'
}

/** A part of the local system in a process of its own, its lines in a file of its own. */
export interface Child {
  readonly name: string
  readonly process: ChildProcess
  readonly logFile: string
  /** Asks it to end and waits for it. */
  stop(): Promise<void>
}

/** Starts a program of this repository with settings; they replace what this process has of the same name. */
export function startChild(
  name: string,
  program: string,
  settings: Readonly<Record<string, string>>,
  logFile: string,
): Child {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
    cwd: root,
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(logFile, { flags: 'a' })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  child.once('close', () => log.end())
  return { name, process: child, logFile, stop: () => stopChild(child) }
}

/** Waits until a child answers at its address. Throws with where to look when it ends or takes too long. */
export async function untilReady(child: Child, url: string): Promise<void> {
  const giveUpAt = Date.now() + readyTimeMaxMs
  while (Date.now() < giveUpAt) {
    const answer = await fetch(`${url}/readyz`).catch(() => null)
    // Asked after the answer, too: another program may be answering for one that has ended.
    if (hasEnded(child.process)) {
      throw new ChildError(`The ${child.name} ended; ${child.logFile} says why.`)
    }
    if (answer?.ok) return
    await new Promise((again) => setTimeout(again, askAgainMs))
  }
  throw new ChildError(`The ${child.name} does not answer at ${url}; see ${child.logFile}.`)
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeMaxMs)
  await ended
  clearTimeout(timer)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
