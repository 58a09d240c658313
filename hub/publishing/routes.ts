import type { Context, Hono } from 'hono'
import { RequestRefused } from '#shared/request-refused.ts'
import { callerOf } from '../authorise.ts'
import type { Environment } from '../environment.ts'
import { releaseEstimator } from '../experiments/estimate/estimate-release.ts'
import { readEstimateQuestion } from '../experiments/estimate/question.ts'
import { siteOf } from '../site-of.ts'
import { canary, listReleases, type Mover, promote, rollback, wasLive } from './tags.ts'
import { liveTeller } from './tell-live.ts'

const listedMax = 100
const whyCharactersMax = 1_000
/** Databases know other years than JavaScript does; nothing was live before 1970. */
const timeMsEnd = Date.UTC(10_000, 0)

/** Releases: which there are, which is live for whom, and what was when. */
export function serveReleases(app: Hono, environment: Environment): void {
  const { registry } = environment
  const ofSite = (context: Context) => siteOf(context, environment)
  const moverOf = (context: Context): Mover => ({
    site: ofSite(context),
    by: callerOf(context, environment).name,
    why: (context.req.query('why') ?? '').slice(0, whyCharactersMax),
  })
  app.get('/v1/releases', async (context) =>
    context.json(await listReleases(ofSite(context), listedMax, environment)),
  )
  const tellLive = liveTeller(environment)
  app.get('/v1/releases/live', async (context) => context.json(await tellLive(ofSite(context))))
  app.get('/v1/history', async (context) => {
    const at = context.req.query('at')
    if (at === undefined) return context.json(await registry.history(ofSite(context), listedMax))
    return context.json(await wasLive(ofSite(context), instantOf(at), environment))
  })
  app.get('/v1/releases/reports', async (context) =>
    context.json(await registry.popReports(ofSite(context), listedMax)),
  )
  const estimateRelease = releaseEstimator(environment)
  app.get('/v1/releases/:digest/estimate', async (context) => {
    const question = readEstimateQuestion(context.req.query())
    const digest = await digestOf(context, environment)
    return context.json(await estimateRelease(ofSite(context), digest, question))
  })
  app.post('/v1/releases/rollback', async (context) =>
    context.json(await rollback(moverOf(context), environment)),
  )
  app.post('/v1/releases/:digest/promote', async (context) => {
    const digest = await digestOf(context, environment)
    return context.json(await promote(digest, moverOf(context), environment))
  })
  app.post('/v1/releases/:digest/canary', async (context) => {
    const share = shareOf(context.req.query('share'))
    const digest = await digestOf(context, environment)
    return context.json(await canary(digest, share, moverOf(context), environment))
  })
}

/** A digest may be given by its first digits, as people read it, where no other begins so. */
async function digestOf(context: Context, environment: Environment): Promise<string> {
  const given = context.req.param('digest') ?? ''
  if (/^[0-9a-f]{64}$/.test(given)) return given
  const releases = await environment.registry.releases(siteOf(context, environment), listedMax)
  const found = releases.filter(({ digest }) => given.length >= 6 && digest.startsWith(given))
  if (found[0] && found.length === 1) return found[0].digest
  throw new RequestRefused(404, 'unknown_release', `no release of this site begins with ${given}`)
}

/** In a decimal fraction, as people write one: what is left empty is no 0, which would end the canary. */
function shareOf(text = ''): number {
  return /^\d*\.?\d+(e-\d+)?$/i.test(text) ? Number(text) : Number.NaN
}

function instantOf(text: string): Date {
  const at = new Date(text)
  if (at.getTime() >= 0 && at.getTime() < timeMsEnd) return at
  const detail = 'at is a time like 2026-11-25T03:04:05Z, from the year 1970 to 9999'
  throw new RequestRefused(400, 'invalid_time', detail)
}
