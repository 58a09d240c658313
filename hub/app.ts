import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { ingestPath } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from './environment.ts'
import { ingest, recordsTopic } from './ingest.ts'
import { peakMemory } from './peak-memory.ts'
import type { Schedule } from './schedule.ts'
import { StoreError } from './store/store.ts'
import { exportVisitor } from './visitors/export.ts'
import { readVisitorName } from './visitors/name.ts'
import { orderErasure } from './visitors/order.ts'

const queryRowsMax = 10_000
const queryTimeMaxMs = 30_000
const queryBytesMax = 100_000
/** An id may hold slashes that nobody encoded, and whatever it holds is answered by this route. */
const visitorRoute = '/v1/visitors/:id{[\\s\\S]*}'

/** The routes of the hub. Errors become HTTP here and nowhere else. */
export function hubApp(environment: Environment, schedule: Schedule): Hono {
  const app = new Hono()
  app.use(ingestPath, limitBody(limits.ingestBytesMax))
  app.post(ingestPath, async (context) =>
    context.json(await ingest(await signedRequest(context), environment)),
  )
  app.get('/healthz', (context) => context.json({ status: 'alive' }))
  app.get('/readyz', async (context) => {
    await environment.store.ping()
    return context.json({ status: 'ready' })
  })
  app.use('/v1/*', limitBody(queryBytesMax))
  app.use('/v1/*', operatorsOnly(environment))
  app.use('/metrics', operatorsOnly(environment))
  app.post('/v1/query', async (context) =>
    context.json(
      await environment.store.query(await context.req.text(), context.req.query(), {
        readOnly: true,
        rowsMax: queryRowsMax,
        timeMaxMs: queryTimeMaxMs,
      }),
    ),
  )
  app.post('/v1/retrain', async (context) =>
    context.json(await schedule.trainNow(siteOf(context, environment), 'operator')),
  )
  app.get('/v1/releases', async (context) =>
    context.json(await environment.registry.releases(siteOf(context, environment), 100)),
  )
  app.get('/v1/history', async (context) =>
    context.json(await environment.registry.history(siteOf(context, environment), 100)),
  )
  app.get(visitorRoute, async (context) => {
    const after = context.req.query('after') ?? ''
    return context.json(await exportVisitor(visitorOf(context, environment), after, environment))
  })
  app.delete(visitorRoute, async (context) => {
    const erasure = await orderErasure(visitorOf(context, environment), 'operator', environment)
    // 202: it will be done at those who were away.
    return context.json(erasure, erasure.complete ? 200 : 202)
  })
  app.get('/v1/status', async (context) =>
    context.json({
      lag: await environment.log.lag(recordsTopic, 'store'),
      peakMb: await peakMemory(environment.store),
    }),
  )
  app.get('/metrics', async (context) => {
    await measureLag(environment)
    return context.text(await environment.metrics.registry.metrics())
  })
  app.notFound((context) =>
    context.json({ error: 'no_such_route', detail: `${context.req.path} is not served here` }, 404),
  )
  app.onError((cause, context) => answerError(cause, context, environment))
  return app
}

function limitBody(maxSize: number) {
  return bodyLimit({
    maxSize,
    onError: () => {
      throw new RequestRefused(413, 'body_too_large', `a body may have ${maxSize} bytes`)
    },
  })
}

/** Everything but ingest is the operators', by bearer token; ingest has its signature. */
function operatorsOnly({ isAdmin }: Environment) {
  return async function operatorsOnly(context: Context, next: () => Promise<void>) {
    if (context.req.path === ingestPath) return next()
    const [scheme, token] = (context.req.header('authorization') ?? '').split(' ', 2)
    if (scheme?.toLowerCase() !== 'bearer' || !isAdmin(token ?? '')) {
      throw new RequestRefused(401, 'not_an_operator', 'send the admin token as a bearer token')
    }
    return next()
  }
}

function siteOf(context: Context, { config }: Environment): string {
  const site = context.req.query('site') ?? config.siteIds[0] ?? ''
  if (config.siteIds.includes(site)) return site
  throw new RequestRefused(404, 'unknown_site', `the sites here are ${config.siteIds.join(', ')}`)
}

function visitorOf(context: Context, { config }: Environment) {
  const { id = '' } = context.req.param()
  return readVisitorName(id, context.req.query('site'), config.siteIds)
}

async function signedRequest(context: Context) {
  const { pathname, search } = new URL(context.req.url)
  return {
    method: context.req.method,
    path: pathname + search,
    body: new Uint8Array(await context.req.arrayBuffer()),
    header: (name: string) => context.req.header(name),
  }
}

async function measureLag({ log, metrics, now }: Environment): Promise<void> {
  for (const { partition, messages, oldestAppendedAtMs } of await log.lag(recordsTopic, 'store')) {
    metrics.lagMessages.set({ partition }, messages)
    const ageMs = oldestAppendedAtMs === null ? 0 : now() - oldestAppendedAtMs
    metrics.oldestSeconds.set({ partition }, ageMs / 1_000)
  }
}

function answerError(cause: Error, context: Context, { metrics, logger }: Environment): Response {
  const refused = asRefusal(cause)
  if (refused) {
    metrics.requestsRefused.inc({ code: refused.code })
    const headers = refused.retryAfterSeconds
      ? { 'retry-after': String(refused.retryAfterSeconds) }
      : {}
    return context.json(refused.body(), refused.status, headers)
  }
  logger.error({ path: context.req.path, reason: String(cause) }, 'a request failed')
  return context.json({ error: 'failed', detail: 'this is our fault; send it again' }, 500)
}

function asRefusal(cause: Error): RequestRefused | null {
  if (cause instanceof RequestRefused) return cause
  if (cause instanceof StoreError && !cause.retryable) {
    return new RequestRefused(400, cause.code, cause.message)
  }
  return null
}
