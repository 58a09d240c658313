/** Something the operator has to know, in one sentence; nothing of it is a bug here. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

export type Query = Readonly<Record<string, string | undefined>>

export interface HubClient {
  get<Answer>(path: string, query?: Query): Promise<Answer>
  post<Answer>(path: string, query?: Query, body?: string): Promise<Answer>
  /** A refusal that says what became of it (422) is an answer too. */
  postForm<Answer>(path: string, query: Query, form: FormData): Promise<Answer>
}

/** A request has to end before Node's own limit of five minutes, which says less. */
const answerTimeMaxMsDefault = 280_000

/** A hub by its address, asked as an operator. Whatever it does not do is a CommandFailed. */
export function hubClient(
  url: string,
  token: string,
  answerTimeMaxMs = answerTimeMaxMsDefault,
): HubClient {
  async function ask<Answer>(method: string, path: string, query: Query, body?: string | FormData) {
    const address = addressOf(url, path, query)
    const headers = { authorization: `Bearer ${token}` }
    const signal = AbortSignal.timeout(answerTimeMaxMs)
    const response = await fetch(address, { method, headers, signal, ...(body && { body }) }).catch(
      (cause: Error) => {
        throw new CommandFailed(unanswered(url, cause, answerTimeMaxMs))
      },
    )
    return readAnswer<Answer>(response, url)
  }
  return {
    get: (path, query = {}) => ask('GET', path, query),
    post: (path, query = {}, body = '') => ask('POST', path, query, body),
    postForm: (path, query, form) => ask('POST', path, query, form),
  }
}

function addressOf(url: string, path: string, query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  )
  const search = new URLSearchParams(given).toString()
  return `${url.replace(/\/+$/, '')}${path}${search && `?${search}`}`
}

function unanswered(url: string, cause: Error, answerTimeMaxMs: number): string {
  if (cause.name !== 'TimeoutError') {
    return `No hub answers at ${url}; start one, or name another with --hub.`
  }
  return `The hub at ${url} did not answer within ${answerTimeMaxMs / 1_000} seconds.`
}

async function readAnswer<Answer>(response: Response, url: string): Promise<Answer> {
  const answer = (await response.json().catch(() => null)) as Answer | null
  if (response.status === 401) {
    throw new CommandFailed(
      `The hub at ${url} does not know this token; set --token or ADMIN_TOKEN.`,
    )
  }
  const isOutcome = response.status === 422 && Object.hasOwn(answer ?? {}, 'accepted')
  if ((response.ok || isOutcome) && answer !== null) return answer
  const { error, detail } = (answer ?? {}) as { error?: string; detail?: string }
  if (error && detail) throw new CommandFailed(`The hub refuses: ${detail} (${error}).`)
  throw new CommandFailed(`What answers at ${url} is not a hub.`)
}
