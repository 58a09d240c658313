import type { ErrorBody } from './contract.ts'

/** A request that cannot be taken as a whole: becomes HTTP once, in the `app.ts` of its side. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 422 | 429 | 503
  readonly code: string
  readonly retryAfterSeconds: number | undefined

  constructor(
    status: RequestRefused['status'],
    code: string,
    detail: string,
    retryAfterSeconds?: number,
  ) {
    super(detail)
    this.status = status
    this.code = code
    this.retryAfterSeconds = retryAfterSeconds
  }

  body(): ErrorBody {
    return { error: this.code, detail: this.message }
  }
}
