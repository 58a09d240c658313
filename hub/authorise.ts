import type { Context } from 'hono'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from './environment.ts'
import { type Caller, mayDo, type Role } from './tokens.ts'

/** Everything but what POPs send is by bearer token, each by its roles; theirs has a signature. */
export function byToken(environment: Environment) {
  return async function byToken(context: Context, next: () => Promise<void>) {
    const { path, method } = context.req
    const caller = callerOf(context, environment)
    const role = roleFor(method, path)
    if (mayDo(caller, role)) return next()
    throw new RequestRefused(403, 'role_missing', `the token of ${caller.name} may not ${role}`)
  }
}

/** Whoever sent a request. Throws RequestRefused 401 where nobody has the token. */
export function callerOf(context: Context, { findCaller }: Environment): Caller {
  const [scheme, token] = (context.req.header('authorization') ?? '').split(' ', 2)
  const caller = scheme?.toLowerCase() === 'bearer' ? findCaller(token ?? '') : null
  if (caller) return caller
  throw new RequestRefused(401, 'not_an_operator', 'send the admin token as a bearer token')
}

/** What is not listed is for admins. */
function roleFor(method: string, path: string): Role {
  const isReading = method === 'GET'
  if (/^\/v1\/(history|trainings(\/.*)?)$/.test(path) && isReading) return 'read'
  if (/^\/v1\/models(\/|$)/.test(path)) return isReading ? 'read' : 'push'
  if (/^\/v1\/releases(\/|$)/.test(path)) return isReading ? 'read' : 'promote'
  if (/^\/v1\/offers(\/|$)/.test(path)) return isReading ? 'read' : 'push'
  return 'admin'
}
