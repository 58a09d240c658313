import type { ErrorBody } from '#shared/contract.ts'

/** A request the hub does not take: becomes HTTP once, in `app.ts`. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly status: 400 | 401 | 404 | 409 | 413 | 422 | 429
  readonly code: string

  constructor(status: RequestRefused['status'], code: string, detail: string) {
    super(detail)
    this.status = status
    this.code = code
  }

  body(): ErrorBody {
    return { error: this.code, detail: this.message }
  }
}
