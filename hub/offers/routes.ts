import type { Context, Hono } from 'hono'
import { limits } from '#shared/limits.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from '../environment.ts'
import { siteOf } from '../site-of.ts'
import type { DeclaredBudgets } from './declared-budgets.ts'
import { offerOperations } from './operations.ts'

const path = '/v1/offers'
export const codesPath = `${path}/codes`

/** Offers with a budget: what is left of it, their lists of codes, and whose a code is. */
export function serveOffers(app: Hono, budgets: DeclaredBudgets, environment: Environment): void {
  const offers = offerOperations(budgets, environment)
  const ofSite = (context: Context) => siteOf(context, environment)
  app.get(path, async (context) => context.json(await offers.list(ofSite(context))))
  app.post(codesPath, async (context) => {
    const [offer, budget] = [nameOf(context, 'offer'), nameOf(context, 'budget')]
    const name = { site: ofSite(context), offer, budget }
    const ahead = context.req.query('ahead') === 'true'
    return context.json(await offers.addCodes(name, await context.req.text(), { ahead }))
  })
  app.get(`${codesPath}/:code`, async (context) =>
    context.json(await offers.verify(ofSite(context), context.req.param('code'))),
  )
}

function nameOf(context: Context, what: 'offer' | 'budget'): string {
  const text = context.req.query(what) ?? ''
  if (text !== '' && text.length <= limits.nameCharactersMax) return text
  throw new RequestRefused(400, `invalid_${what}`, `${what} is the name that the policy gives it`)
}
