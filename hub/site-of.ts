import type { Context } from 'hono'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from './environment.ts'

/** The site a request is about: `site` in the address, else the first. Throws RequestRefused 404. */
export function siteOf(context: Context, { config }: Environment): string {
  const site = context.req.query('site') ?? config.siteIds[0] ?? ''
  if (config.siteIds.includes(site)) return site
  throw new RequestRefused(404, 'unknown_site', `the sites here are ${config.siteIds.join(', ')}`)
}
