import type { Context, Hono } from 'hono'
import { RequestRefused } from '#shared/request-refused.ts'
import { callerOf } from '../authorise.ts'
import type { Environment } from '../environment.ts'
import { siteOf } from '../site-of.ts'
import type { Trainings } from '../trainings.ts'
import { trainingsPath } from './follow.ts'

const listedMax = 100

/** Trainings: ordered, and what became of each; they take minutes, so an order is answered before it is carried out. */
export function serveTrainings(app: Hono, trainings: Trainings, environment: Environment): void {
  app.post(trainingsPath, async (context) => {
    const { name } = callerOf(context, environment)
    const ordered = await trainings.order(siteOf(context, environment), name)
    context.header('location', `${trainingsPath}/${ordered.number}?site=${ordered.site}`)
    return context.json(ordered, 202)
  })
  app.get(trainingsPath, async (context) =>
    context.json(await trainings.list(siteOf(context, environment), listedMax)),
  )
  app.get(`${trainingsPath}/:number`, async (context) => {
    const site = siteOf(context, environment)
    const found = await trainings.find(site, numberOf(context))
    if (found) return context.json(found)
    throw new RequestRefused(404, 'unknown_training', `site ${site} has no such training`)
  })
}

function numberOf(context: Context): number {
  const number = context.req.param('number') ?? ''
  if (/^[1-9]\d{0,14}$/.test(number)) return Number(number)
  throw new RequestRefused(404, 'unknown_training', 'a training is named by its number')
}
