import type { ShelfRecord } from '#shared/contract.ts'
import { refusalsKey } from '#shared/id.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Site } from '#shared/sites.ts'
import type { Cleaned } from './clean.ts'
import type { Environment } from './environment.ts'
import { objectNamed, visitorRequest } from './visitor-request.ts'
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
  /** The version that they were made from, where it was not looked at just now. */
  readonly seen: string | undefined
  /** The last of the visitor's events set them off. */
  readonly decidesOnLast: boolean
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
    const request = visitorRequest(visitor, cleaned, site, [], environment)
    // Of whom this isolate knows something it is to know what comes after.
    const wantsKept = environment.known.get(site.id, visitor, cleaned.receivedAt) !== null
    requests.set(visitor, { ...request, wantsKept })
  }
  if (deciding) {
    const { visitor, records, ...rest } = deciding
    const request = visitorRequest(visitor, cleaned, site, records, environment)
    requests.set(visitor, { ...request, ...rest, wantsKept: true })
  }
  if (cleaned.refusals.length > 0) {
    requests.set(
      refusalsKey,
      visitorRequest(refusalsKey, cleaned, site, cleaned.refusals, environment),
    )
  }
  const answered = await commitByObject([...requests.values()], environment)
  know(answered, environment)
  return receiptOf(answered.map(([, result]) => result))
}

type Answered = readonly [VisitorRequest, VisitorResult]

async function commitByObject(
  requests: readonly VisitorRequest[],
  environment: Environment,
): Promise<Answered[]> {
  const shards = environment.config.visitorShards
  const groups = Map.groupBy(requests, (request) =>
    objectNameOf(request.site, request.visitor, shards),
  )
  const commits = [...groups].map(async ([name, group]) => {
    const results = (await objectNamed(name, environment).commit(group)) as VisitorResult[]
    return group.map((request, index): Answered => [request, results[index] as VisitorResult])
  })
  return (await Promise.all(commits)).flat()
}

/** What the owners say is kept is what the next decision of these visitors starts from. */
function know(answered: readonly Answered[], { known }: Environment): void {
  for (const [{ site, visitor, receivedAt }, result] of answered) {
    const kept = result.ok ? result.kept : undefined
    if (kept) known.keep(site, visitor, kept, receivedAt)
    else known.forget(site, visitor)
  }
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
