import type { ShelfRecord } from '#shared/contract.ts'
import { refusalsKey } from '#shared/id.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Site } from '#shared/sites.ts'
import type { Cleaned } from './clean.ts'
import type { Environment } from './environment.ts'
import { objectOf, visitorRequest } from './visitor-request.ts'
import type { VisitorRequest, VisitorResult } from './visitors/core.ts'
import { objectNameOf } from './visitors/mapping.ts'
import type { MemoryChange } from './visitors/memory.ts'

export interface Receipt {
  readonly accepted: number
  readonly duplicates: number
}

/** Decisions to commit with their events. */
export interface Deciding {
  readonly visitor: string
  readonly records: readonly ShelfRecord[]
  readonly memories: readonly MemoryChange[]
}

const retryAfterSeconds = 5

/**
 * Commits a request's events, refusals and decisions; resolves when all of it is durable.
 * `isOvertaken`: another decision of the visitor came in between; these are to be made again, and come with their
 * visitor's events again.
 * Throws RequestRefused 429 where an outbox is full: what was committed is recognised when it comes again.
 */
export async function remember(
  cleaned: Cleaned,
  site: Site,
  environment: Environment,
  deciding?: Deciding,
): Promise<Receipt & { readonly isOvertaken: boolean }> {
  const requests = new Map<string, VisitorRequest>()
  for (const visitor of cleaned.visitors.keys()) {
    requests.set(visitor, visitorRequest(visitor, cleaned, site, [], environment))
  }
  if (deciding) {
    const { visitor, records, memories } = deciding
    requests.set(visitor, {
      ...visitorRequest(visitor, cleaned, site, records, environment),
      memories,
    })
  }
  if (cleaned.refusals.length > 0) {
    requests.set(
      refusalsKey,
      visitorRequest(refusalsKey, cleaned, site, cleaned.refusals, environment),
    )
  }
  const results = await commitByObject([...requests.values()], environment)
  return receiptOf(results)
}

async function commitByObject(
  requests: readonly VisitorRequest[],
  environment: Environment,
): Promise<VisitorResult[]> {
  const shards = environment.config.visitorShards
  const groups = Map.groupBy(requests, (request) =>
    objectNameOf(request.site, request.visitor, shards),
  )
  const commits = [...groups.values()].map((group) => {
    const { site, visitor } = group[0] as VisitorRequest
    return objectOf(site, visitor, environment).commit(group) as Promise<VisitorResult[]>
  })
  return (await Promise.all(commits)).flat()
}

function receiptOf(results: readonly VisitorResult[]) {
  let accepted = 0
  let duplicates = 0
  let isOvertaken = false
  for (const result of results) {
    if (!result.ok) {
      throw new RequestRefused(
        429,
        'overloaded',
        'more waits for the hub than this POP may hold; send it again later',
        retryAfterSeconds,
      )
    }
    accepted += result.accepted
    duplicates += result.duplicates
    isOvertaken ||= result.isOvertaken === true
  }
  return { accepted, duplicates, isOvertaken }
}
