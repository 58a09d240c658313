import type { ReleaseCounts } from '#shared/canary.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { family } from './counters.ts'
import type { Environment } from './environment.ts'
import { objectNamesOf } from './visitors/mapping.ts'
import type { OutboxState } from './visitors/outbox-state.ts'
import { withinTime } from './within-time.ts'

/** Prometheus text exposition format. */
export const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

/** A box has sites x shards of them, four a site by default; more are not asked, and counted as failures. */
const objectsAskedMax = 1_000
const answerTimeMaxMs = 3_000

/**
 * The text of `/metrics`. Throws RequestRefused where a token is set and the request has not sent it; where
 * none is set anybody may read the counts, and no site is named.
 */
export async function scrape(
  authorization: string | undefined,
  environment: Environment,
): Promise<string> {
  const { counters, config } = environment
  const isNamed = checkToken(authorization, environment)
  const outboxes =
    config.visitorShards === 0 ? '' : outboxText(await askOutboxes(environment), environment)
  return counters.text() + outboxes + (isNamed ? releaseText(environment) : '')
}

/** True where a token was asked for and sent. */
function checkToken(authorization: string | undefined, { config }: Environment): boolean {
  if (config.isMetricsToken === null) return false
  const [scheme, token] = (authorization ?? '').split(' ', 2)
  if (scheme?.toLowerCase() === 'bearer' && config.isMetricsToken(token ?? '')) return true
  throw new RequestRefused(401, 'not_an_operator', 'send the metrics token as a bearer token')
}

/** Asks every object of this box what waits in it. One that does not answer is counted and left out. */
async function askOutboxes(environment: Environment): Promise<OutboxState[]> {
  const { config, visitors, counters } = environment
  const names = config.siteIds.flatMap((site) => objectNamesOf(site, config.visitorShards))
  const asked = names.slice(0, objectsAskedMax).map(async (name) => {
    const object = visitors.get(visitors.idFromName(name))
    return withinTime(object.outbox() as Promise<OutboxState>, answerTimeMaxMs)
  })
  const answers = await Promise.allSettled(asked)
  const states = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  const missing = names.length - states.length
  counters.add('shelfedge_scrape_failures_total', missing, ['of', 'outbox'])
  return states
}

function outboxText(states: readonly OutboxState[], { config, now }: Environment): string {
  const total = (of: (state: OutboxState) => number) =>
    states.reduce((sum, state) => sum + of(state), 0)
  const nowMs = now()
  const oldestAtMs = Math.min(nowMs, ...states.map((state) => state.oldestAtMs ?? nowMs))
  const gauge = (name: string, help: string, value: number) =>
    family(name, 'gauge', help, [[name, value]])
  return [
    gauge(
      'shelfedge_outbox_batches',
      'Batches the hub has not acknowledged.',
      total((state) => state.batches),
    ),
    gauge(
      'shelfedge_outbox_bytes',
      'Bytes the hub has not acknowledged.',
      total((state) => state.bytes),
    ),
    gauge(
      'shelfedge_outbox_fullest_bytes',
      'Bytes in the fullest outbox of one object.',
      Math.max(0, ...states.map((state) => state.bytes)),
    ),
    gauge(
      'shelfedge_outbox_limit_bytes',
      'Bytes past which an object answers 429.',
      config.outboxBytesMax,
    ),
    gauge(
      'shelfedge_outbox_oldest_age_seconds',
      'Age of the oldest event the hub has not acknowledged.',
      (nowMs - oldestAtMs) / 1_000,
    ),
    gauge(
      'shelfedge_outbox_set_aside_batches',
      'Batches kept that the hub will never take.',
      total((state) => state.setAsideBatches),
    ),
  ].join('')
}

function releaseText({ releases }: Environment): string {
  const name = 'shelfedge_live_release_info'
  const series = releases
    .digests()
    .map(([site, digest]) => [`${name}{site="${site}",digest="${digest}"}`, 1] as const)
  const info = family(name, 'gauge', 'The release each site is answered by here; 1.', series)
  return info + canaryText(releases.counts())
}

/** Of the canary and of what is live beside it, since the canary began in this isolate. */
function canaryText(counts: ReturnType<Environment['releases']['counts']>): string {
  const told = [
    [
      'visitors',
      'Visitors decided on while a canary runs.',
      ({ visitors }: ReleaseCounts) => visitors,
    ],
    [
      'failures',
      'Of these visitors, who had a decision that failed.',
      ({ failures }: ReleaseCounts) => failures,
    ],
    [
      'outcomes',
      'Of these visitors, who then added to a cart or ordered.',
      ({ outcomes }: ReleaseCounts) => outcomes,
    ],
    [
      'latency_seconds',
      'Mean time of a decision on each of these visitors, summed.',
      ({ latencyMsTotal }: ReleaseCounts) => latencyMsTotal / 1_000,
    ],
  ] as const
  return told
    .map(([what, help, of]) => {
      const name = `shelfedge_canary_${what}`
      const series = counts.flatMap(([site, canary, live]) => [
        [`${name}{site="${site}",release="canary"}`, of(canary)] as const,
        [`${name}{site="${site}",release="live"}`, of(live)] as const,
      ])
      return family(name, 'gauge', help, series)
    })
    .join('')
}
