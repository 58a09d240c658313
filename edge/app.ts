import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import {
  releaseDigestHeader,
  releasePath,
  releaseSignatureHeader,
  visitorPath,
} from '#shared/contract.ts'
import { type EventType, eventTypes } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { authoriseHead } from './authorise.ts'
import type { Environment } from './environment.ts'
import { log, reasonOf } from './log.ts'
import { type DecideAnswer, takeDecision, takeEvents, takeRecommendations } from './pipeline.ts'
import { readBody } from './read-body.ts'
import { receiveRelease, tellReleases } from './releases/receive.ts'
import { metricsType, scrape } from './scrape.ts'
import { takeStream } from './stream.ts'
import { eraseVisitor, tellVisitor } from './visitors/receive.ts'

/** The routes of a POP. Errors become HTTP here and nowhere else. */
export function popApp(environment: Environment): Hono {
  const app = new Hono()
  // A page that is told to come again later has to be able to read when.
  const anyOrigin = cors({ origin: '*', maxAge: 86_400, exposeHeaders: ['retry-after'] })
  app.use('/v1/*', anyOrigin)
  app.use('/beacon/*', anyOrigin)
  for (const path of ['/v1/batch', '/v1/b', '/beacon/v1/batch']) {
    app.post(path, async (context) =>
      context.json(await takeEvents(context.req.raw, environment, laterOf(context))),
    )
  }
  for (const type of eventTypes) {
    for (const path of [`/v1/${type}`, `/v1/${type[0]}`]) app.post(path, single(type, environment))
  }
  app.post('/v1/decide', async (context) =>
    answerDecision(await takeDecision(context.req.raw, environment, laterOf(context)), context),
  )
  app.get('/v1/recommendations', async (context) => {
    // Hono answers HEAD by GET, and a decision that nobody reads is still stored as one.
    if (context.req.method === 'HEAD') {
      context.header('allow', 'GET')
      throw new RequestRefused(405, 'method_not_allowed', 'a decision is asked for with GET')
    }
    const work = takeRecommendations(context.req.raw, environment, laterOf(context))
    return answerDecision(await work, context)
  })
  app.get('/v1/stream', (context) => takeStream(context.req.raw, environment))
  app.get('/healthz', (context) => context.json({ status: 'alive' }))
  app.get('/readyz', async (context) => {
    // Able to answer means able to reach a Durable Object; a release is not needed for it.
    await environment.shelf().current('')
    return context.json({ status: 'ready' })
  })
  app.get('/metrics', async (context) => {
    const text = await scrape(context.req.header('authorization'), environment)
    return context.body(text, 200, { 'content-type': metricsType })
  })
  app.put(releasePath, async (context) =>
    context.json(await receiveRelease(await releaseRequest(context, environment), environment)),
  )
  app.get(releasePath, async (context) => {
    const request = await releaseRequest(context, environment)
    return context.json(await tellReleases(request, environment))
  })
  app.get(visitorPath, async (context) =>
    context.json(await tellVisitor(await visitorRequest(context, environment), environment)),
  )
  app.delete(visitorPath, async (context) =>
    context.json(await eraseVisitor(await visitorRequest(context, environment), environment)),
  )
  app.notFound((context) =>
    context.json({ error: 'no_such_route', detail: `${context.req.path} is not served here` }, 404),
  )
  app.onError((cause, context) => answerError(cause, context, environment))
  return app
}

function single(type: EventType, environment: Environment) {
  return async (context: Context) =>
    context.json(await takeEvents(context.req.raw, environment, laterOf(context), type))
}

/** How long the model took goes into Server-Timing (W3C), where browsers show it, and not into the answer. */
function answerDecision({ inferenceMs, ...answer }: DecideAnswer, context: Context): Response {
  context.header('server-timing', `inference;dur=${inferenceMs.toFixed(3)}`)
  return context.json(answer)
}

function laterOf(context: Context): (work: Promise<void>) => void {
  return (work) => context.executionCtx.waitUntil(work)
}

async function releaseRequest(context: Context, environment: Environment) {
  return {
    ...(await hubRequest(context, environment)),
    site: context.req.query('site') ?? '',
    // In the address it is signed with the request, as it has to be where no bytes are.
    digest: context.req.query('digest') ?? context.req.header(releaseDigestHeader) ?? '',
    canary: context.req.query('canary') ?? null,
    isStandby: context.req.query('as') === 'standby',
    signature: context.req.header(releaseSignatureHeader) ?? '',
  }
}

async function visitorRequest(context: Context, environment: Environment) {
  const { site = '', visitor = '', after = '' } = context.req.query()
  return { ...(await hubRequest(context, environment)), site, visitor, after }
}

async function hubRequest(context: Context, environment: Environment) {
  const header = (name: string) => context.req.header(name)
  const { pathname, search } = new URL(context.req.url)
  const head = { method: context.req.method, path: pathname + search, header }
  await authoriseHead(head, environment)
  // A release is compressed already: inflated, ten kilobytes that were signed for could be ten megabytes.
  if (header('content-encoding')) {
    throw new RequestRefused(415, 'unsupported_encoding', 'the hub sends its bodies as they are')
  }
  return { ...head, body: await readBody(context.req.raw, limits.releaseBytesMax) }
}

function answerError(cause: Error, context: Context, environment: Environment): Response {
  if (cause instanceof RequestRefused) {
    environment.counters.add('shelfedge_requests_refused_total', 1, ['code', cause.code])
    const headers = cause.retryAfterSeconds
      ? { 'retry-after': String(cause.retryAfterSeconds) }
      : {}
    return context.json(cause.body(), cause.status, headers)
  }
  log('error', 'a request failed', { path: context.req.path, reason: reasonOf(cause) })
  return context.json({ error: 'failed', detail: 'this is our fault; send it again' }, 500)
}
