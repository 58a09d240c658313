import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { ingestPath, leasePath, profilesPath } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { byToken } from './authorise.ts'
import { readFilter } from './dead-letters/filter.ts'
import { letterOperations } from './dead-letters/operations.ts'
import { decisionOperations } from './decisions/operations.ts'
import type { Environment } from './environment.ts'
import { readExperimentQuestion } from './experiments/question.ts'
import { listExperiments, reportExperiment } from './experiments/report.ts'
import { checkHead, ingest } from './ingest.ts'
import { modelsPath, serveModels } from './judging/routes.ts'
import { recordsTopic, storeGroup } from './log/topics.ts'
import { DeclaredBudgets } from './offers/declared-budgets.ts'
import { answerLease } from './offers/lease.ts'
import { codesPath, serveOffers } from './offers/routes.ts'
import { peakMemory } from './peak-memory.ts'
import { profileTeller } from './profiles/answer-profiles.ts'
import { serveReleases } from './publishing/routes.ts'
import { BlobsUnavailableError } from './registry/blobs.ts'
import { RegistryError } from './registry/registry.ts'
import type { Schedule } from './schedule.ts'
import { Scrape } from './scrape.ts'
import { siteOf } from './site-of.ts'
import { storableAddress } from './storable-text.ts'
import { StoreError } from './store/store.ts'
import { serveTrainings } from './training/routes.ts'
import { exportVisitor } from './visitors/export.ts'
import { readVisitorName } from './visitors/name.ts'
import { orderErasure } from './visitors/order.ts'

const queryRowsMax = 10_000
const queryAnswerBytesMax = 16_000_000
const queryMemoryMbMax = 500
const queryTimeMaxMs = 30_000
const queryBytesMax = 100_000
/** An id may hold slashes that nobody encoded, and whatever it holds is answered by this route. */
const visitorRoute = '/v1/visitors/:id{[\\s\\S]*}'

/** The routes of the hub. Errors become HTTP here and nowhere else. */
export function hubApp(environment: Environment, schedule: Schedule): Hono {
  const app = new Hono()
  app.use(ingestPath, popsOnly(environment))
  app.use(ingestPath, limitBody(limits.ingestBytesMax))
  app.post(ingestPath, async (context) =>
    context.json(await ingest(await signedRequest(context), environment)),
  )
  const budgets = new DeclaredBudgets(environment)
  app.use(leasePath, popsOnly(environment))
  app.use(leasePath, limitBody(queryBytesMax))
  app.post(leasePath, async (context) =>
    context.json(await answerLease(await signedRequest(context), budgets, environment)),
  )
  const tellProfiles = profileTeller(environment)
  app.use(profilesPath, popsOnly(environment))
  app.use(profilesPath, limitBody(limits.profileQuestionBytesMax))
  app.post(profilesPath, async (context) =>
    context.json(await tellProfiles(await signedRequest(context))),
  )
  app.get('/healthz', (context) => context.json({ status: 'alive' }))
  app.get('/readyz', async (context) => {
    await environment.store.ping()
    return context.json({ status: 'ready' })
  })
  app.use('/v1/*', except([modelsPath, codesPath], limitBody(queryBytesMax)))
  app.use('/v1/*', byToken(environment))
  app.use('/v1/*', storableAddress)
  app.use('/metrics', byToken(environment))
  app.use(codesPath, limitBody(limits.codesAddedBytesMax))
  app.post('/v1/query', async (context) =>
    context.json(
      await environment.store.query(await context.req.text(), context.req.query(), {
        readOnly: true,
        rowsMax: queryRowsMax,
        bytesMax: queryAnswerBytesMax,
        memoryMbMax: queryMemoryMbMax,
        timeMaxMs: queryTimeMaxMs,
      }),
    ),
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
      lag: await environment.log.lag(recordsTopic, storeGroup),
      peakMb: await peakMemory(environment.store),
    }),
  )
  serveTrainings(app, schedule.trainings, environment)
  serveReleases(app, environment)
  serveModels(app, environment)
  serveDeadLetters(app, environment)
  serveExperiments(app, environment)
  serveDecisions(app, environment)
  serveOffers(app, budgets, environment)
  serveWebhooks(app, environment)
  const scrape = new Scrape(environment)
  app.get('/metrics', async (context) => {
    context.header('content-type', environment.metrics.registry.contentType)
    return context.body(await scrape.text())
  })
  app.notFound((context) =>
    context.json({ error: 'no_such_route', detail: `${context.req.path} is not served here` }, 404),
  )
  app.onError((cause, context) => answerError(cause, context, environment))
  return app
}

function serveDecisions(app: Hono, environment: Environment): void {
  const decisions = decisionOperations(environment)
  app.get('/v1/decisions/:id', async (context) =>
    context.json(await decisions.show(siteOf(context, environment), context.req.param('id'))),
  )
  app.get('/v1/decisions/:id/replay', async (context) =>
    context.json(await decisions.replay(siteOf(context, environment), context.req.param('id'))),
  )
}

function serveExperiments(app: Hono, environment: Environment): void {
  app.get('/v1/experiments', async (context) =>
    context.json(await listExperiments(siteOf(context, environment), environment)),
  )
  app.get('/v1/experiments/:name', async (context) => {
    const question = readExperimentQuestion(context.req.query())
    const site = siteOf(context, environment)
    return context.json(
      await reportExperiment(site, context.req.param('name'), question, environment),
    )
  })
}

function serveDeadLetters(app: Hono, environment: Environment): void {
  const letters = letterOperations(environment)
  const path = '/v1/deadletters'
  app.get(path, async (context) =>
    context.json(await letters.list(readFilter(context.req.query()))),
  )
  app.post(`${path}/replay`, async (context) =>
    context.json(await letters.replayMany(readFilter(context.req.query()))),
  )
  app.get(`${path}/:id`, async (context) =>
    context.json(await letters.show(context.req.param('id'))),
  )
  app.post(`${path}/:id/replay`, async (context) =>
    context.json(await letters.replay(context.req.param('id'))),
  )
  app.post(`${path}/:id/discard`, async (context) =>
    context.json(await letters.discard(context.req.param('id'))),
  )
}

function serveWebhooks(app: Hono, { webhooks }: Environment): void {
  const path = '/v1/webhooks'
  const numberOf = (context: Context) => {
    const number = context.req.query('number')
    if (number === undefined || /^[1-9]\d{0,15}$/.test(number))
      return number ? Number(number) : null
    throw new RequestRefused(400, 'invalid_number', 'number is that of a delivery')
  }
  app.get(path, (context) => context.json(webhooks.list()))
  app.get(`${path}/:name/dead`, (context) => context.json(webhooks.dead(context.req.param('name'))))
  app.post(`${path}/:name/replay`, (context) =>
    context.json(webhooks.replay(context.req.param('name'), numberOf(context))),
  )
  app.post(`${path}/:name/discard`, (context) =>
    context.json(webhooks.discard(context.req.param('name'), numberOf(context))),
  )
}

/** What is sent to some paths has another bound, after its sender is known. */
function except(paths: readonly string[], limited: ReturnType<typeof limitBody>) {
  return function exceptSome(context: Context, next: () => Promise<void>) {
    return paths.includes(context.req.path) ? next() : limited(context, next)
  }
}

function limitBody(maxSize: number) {
  return bodyLimit({
    maxSize,
    onError: () => {
      throw new RequestRefused(413, 'body_too_large', `a body may have at most ${maxSize} bytes`)
    },
  })
}

/** Ahead of the bound on bodies, which reads one that does not say its length. */
function popsOnly(environment: Environment) {
  return async function popsOnly(context: Context, next: () => Promise<void>) {
    await checkHead(signedHead(context), environment)
    return next()
  }
}

function visitorOf(context: Context, { config }: Environment) {
  const { id = '' } = context.req.param()
  return readVisitorName(id, context.req.query('site'), config.siteIds)
}

async function signedRequest(context: Context) {
  return { ...signedHead(context), body: new Uint8Array(await context.req.arrayBuffer()) }
}

function signedHead(context: Context) {
  const { pathname, search } = new URL(context.req.url)
  return {
    method: context.req.method,
    path: pathname + search,
    header: (name: string) => context.req.header(name),
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
  // Whoever hangs up in the middle of a body gets no answer, and nothing of ours failed.
  const isAborted = 'code' in cause && cause.code === 'ECONNRESET'
  const level = isAborted ? 'info' : 'error'
  logger[level]({ path: context.req.path, reason: String(cause) }, 'a request failed')
  return context.json(
    { error: 'failed', detail: 'internal error; the log of the hub has the reason' },
    500,
  )
}

function asRefusal(cause: Error): RequestRefused | null {
  if (cause instanceof RequestRefused) return cause
  if (cause instanceof BlobsUnavailableError) {
    return new RequestRefused(503, 'blobs_unavailable', cause.message, 1)
  }
  if (cause instanceof RegistryError && cause.retryable) {
    return new RequestRefused(503, 'registry_unavailable', cause.message, 1)
  }
  if (!(cause instanceof StoreError)) return null
  if (cause.retryable) return new RequestRefused(503, 'store_unavailable', cause.message, 1)
  return new RequestRefused(400, cause.code, cause.message)
}
