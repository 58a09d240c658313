import type { ToldLive } from '../publishing/tell-live.ts'
import { CommandFailed, type HubClient, hubClient } from './hub-client.ts'
import type { LocalHub } from './local-hub.ts'

/** What one command asks, and how it tells the answer. */
export interface Task<Answer> {
  readonly ask: (hub: HubClient) => Promise<Answer>
  /** The answer for people. */
  readonly show: (answer: Answer) => string
  /** Whether the program ends with 1, though the hub has answered. */
  readonly hasFailed?: (answer: Answer) => boolean
}

/** Runs a command: asks the hub and prints its answer, as JSON where machines read it. */
export type Run = <Answer>(task: Task<Answer>) => Promise<void>

/** What a command found out on its own, without a hub. */
export interface Finding {
  readonly answer: unknown
  /** The answer for people. */
  readonly shown: string
  readonly hasFailed: boolean
}

export type RunHere = (finding: Finding) => void

export interface RunOptions {
  readonly hub?: string
  readonly token?: string
  readonly json?: true
}

/** What a run needs from outside. */
export interface Surroundings {
  readonly print: (text: string) => void
  /** What goes on meanwhile, beside the answer. */
  readonly tell: (line: string) => void
  readonly localHub: () => LocalHub
  readonly fail: () => void
}

/** What is live for a site at the hub of this run; null where there is no hub to ask. */
export type FindLive = (site: string) => Promise<ToldLive | null>

/** Whoever checks a file beside a hub need not wait long for one that hangs. */
const liveTimeMaxMs = 5_000

/** A hub that is not there, or does not say, is no mistake, unless `--hub` names it. */
export function liveFinderOf(options: () => RunOptions, surroundings: Surroundings): FindLive {
  return async (site) => {
    const local = surroundings.localHub()
    const { hub, token = local.token } = options()
    const isAsked = hub !== undefined
    if (!isAsked && !token) return null
    const ask = async () =>
      hubClient(hub ?? local.url, tokenOf(token), liveTimeMaxMs).get<ToldLive>(
        '/v1/releases/live',
        { site },
      )
    return isAsked ? ask() : ask().catch(() => null)
  }
}

/** Options are read when a command runs, since they may stand behind it. */
export function runnerOf(options: () => RunOptions, surroundings: Surroundings): Run {
  return async ({ ask, show, hasFailed }) => {
    const local = surroundings.localHub()
    const { hub = local.url, token = local.token, json } = options()
    const answer = await ask(hubClient(hub, tokenOf(token)))
    surroundings.print(json ? JSON.stringify(answer, null, 2) : show(answer))
    if (hasFailed?.(answer)) surroundings.fail()
  }
}

/** The same for commands that ask no hub. */
export function runnerHere(options: () => RunOptions, surroundings: Surroundings): RunHere {
  return ({ answer, shown, hasFailed }) => {
    surroundings.print(options().json ? JSON.stringify(answer, null, 2) : shown)
    if (hasFailed) surroundings.fail()
  }
}

function tokenOf(found: string | null): string {
  if (!found) {
    throw new CommandFailed(
      'There is no admin token: set --token or ADMIN_TOKEN, or run where .env or .data/admin-token lies.',
    )
  }
  const token = found.trim()
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new CommandFailed('The admin token holds characters that no header carries.')
}
