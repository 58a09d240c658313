import { clusteredInterval } from '#hub/evaluation/clustered-interval.ts'
import { timeIn } from '#shared/policy/time.ts'
import { type Client, exampleSite } from '../client.ts'
import type { Example, Narrator } from '../example.ts'
import { hourPicture } from './hour-picture.ts'
import { policy } from './policy.ts'
import { categories, categoryOf, tasteAt, type Visit, visits } from './world.ts'

const dayMs = 86_400_000
const days = 28
const heldBackDays = 7
/** A Monday. What is told is long ago, so that every run has the same weeks. */
const startAtMs = Date.UTC(2026, 0, 5)
const listeners = 700
const visitsAsked = 800
const askersAtOnce = 6
const eventsPerBatch = 200
const shownItems = 10

const placements = ['planned', 'session', 'most-played'] as const
type Placement = (typeof placements)[number]

interface Answer {
  readonly items: readonly { readonly id: string }[]
}

/** What was played next, and at which place each placement had shown it; 0 where it had not. */
export interface Asked {
  readonly visit: string
  readonly hour: number
  readonly weekday: number
  readonly isFirst: boolean
  readonly places: Readonly<Record<Placement, number>>
}

/** Listeners of six time zones whose taste depends on the hour: what is played next, by hour, session and charts. */
export const media: Example = {
  name: 'media',
  what: 'recommends by the time of day on the visitor’s wall, against the session alone and what is played most',
  data: null,
  policy,
  async run(client, narrator) {
    const all = visits(1, startAtMs, days, listeners)
    const cutAt = startAtMs + (days - heldBackDays) * dayMs
    const learned = all.filter(({ atMs }) => atMs < cutAt)
    await learn(learned, client, narrator)
    const heldBack = all.filter(({ atMs }) => atMs >= cutAt)
    const every = Math.max(1, Math.floor(heldBack.length / visitsAsked))
    const asked = await ask(
      heldBack.filter((_, at) => at % every === 0),
      client,
    )
    narrator.say(
      `${asked.length} plays of ${heldBackDays} days held back had an answer before them`,
    )
    tell(asked, narrator)
    await showTastes(client, narrator)
    const zoneBreaks = await breaksOfZones(client)
    narrator.say(
      `${zonesAsked} time zones were asked for now; ${zoneBreaks} were not answered by the hour on their wall`,
    )
    const replayed = await replay(client)
    narrator.say(
      `${replayed.same} of ${replayed.decisions} decisions were the same when the hub made them again`,
    )
    return {
      ...{ visits: all.length, ...figuresOf(asked), zonesAsked, zoneBreaks },
      ...{ replayed: replayed.decisions, replayedSame: replayed.same },
    }
  },
}

async function learn(learned: readonly Visit[], client: Client, narrator: Narrator) {
  let accepted = 0
  await client.sendAll(learned.flatMap(eventsOf), eventsPerBatch, (receipt) => {
    accepted += receipt.accepted
  })
  await client.untilStored(accepted)
  const { release, figures } = await client.retrain()
  narrator.say(
    `learned from ${accepted} plays: MRR@20 by the hour alone ${figures.tasteMrr20?.toFixed(3)}, of what is played most ${figures.tastePopularityMrr20?.toFixed(3)}`,
  )
  await client.untilLive(release, 'most-played')
}

function eventsOf({ visitor, zone, atMs, plays }: Visit): object[] {
  return plays.map((item, place) => ({
    ...{ type: 'track', event: 'Product Viewed', messageId: `${visitor}-${atMs}-${place}` },
    ...{ anonymousId: visitor, timestamp: new Date(atMs + place * 60_000).toISOString() },
    ...{ context: { timezone: zone }, properties: propertiesOf(item) },
  }))
}

const propertiesOf = (item: string) => ({ product_id: item, category: categoryOf(item) })

/** Each play is asked for before it is told. A visit is a visitor of its own: nobody is known from before. */
async function ask(heldBack: readonly Visit[], client: Client): Promise<Asked[]> {
  const asked: Asked[] = []
  const left = heldBack.entries()
  const asker = async () => {
    for (const [number, visit] of left) {
      for (const [place, item] of visit.plays.entries()) {
        const answers = await answersTo(`held-${number}`, visit, place, client)
        const places = Object.fromEntries(
          answers.map(([name, { items }]) => [name, items.findIndex(({ id }) => id === item) + 1]),
        ) as Asked['places']
        const { hour, weekday } = visit
        asked.push({ visit: `held-${number}`, hour, weekday, isFirst: place === 0, places })
      }
    }
  }
  await Promise.all(Array.from({ length: askersAtOnce }, asker))
  return asked
}

async function answersTo(anonymousId: string, visit: Visit, place: number, client: Client) {
  const before = visit.plays[place - 1]
  const told =
    before === undefined
      ? []
      : [
          {
            ...{ type: 'track', event: 'Product Viewed', messageId: `${anonymousId}-${place}` },
            properties: propertiesOf(before),
          },
        ]
  const { hour, weekday } = visit
  const answers: [Placement, Answer][] = []
  for (const placement of placements) {
    const question = { anonymousId, placement, limit: shownItems, context: { hour, weekday } }
    const events = placement === placements[0] ? told : []
    answers.push([placement, await client.pop<Answer>('/v1/decide', { ...question, events })])
  }
  return answers
}

const named: Readonly<Record<Placement, string>> = {
  planned: 'hour and session',
  session: 'session alone',
  'most-played': 'what is played most',
}

function tell(asked: readonly Asked[], narrator: Narrator): void {
  const row = (name: Placement, of: readonly Asked[]) => {
    const { mean, low, high } = hitRate(of, name)
    return `${mean.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`
  }
  const first = asked.filter(({ isFirst }) => isFirst)
  const later = asked.filter(({ isFirst }) => !isFirst)
  narrator.table(
    'Is what is played next among the ten that are shown?',
    placements.map((name) => ({
      ...{ shown: named[name], all: row(name, asked), first: row(name, first) },
      ...{ later: row(name, later), mrr10: mrr(asked, name).mean.toFixed(3) },
    })),
  )
  const parts = Map.groupBy(asked, ({ hour, weekday }) => {
    const from = Math.floor(hour / 4) * 4
    return `${weekday >= 6 ? 'weekend' : 'weekday'} ${String(from).padStart(2, '0')}–${from + 4}`
  })
  narrator.table(
    'The same by the hour of the listener',
    [...parts]
      .sort(([one], [other]) => one.localeCompare(other))
      .map(([part, of]) => ({
        ...{ part, plays: of.length },
        ...Object.fromEntries(
          placements.map((name) => [named[name], hitRate(of, name).mean.toFixed(3)]),
        ),
      })),
  )
  narrator.picture(
    'media-by-hour',
    hourPicture(
      asked,
      placements.map((name) => [name, named[name]]),
    ),
  )
}

function figuresOf(asked: readonly Asked[]) {
  const [hour, session, most] = placements.map((name) => hitRate(asked, name)) as [
    Interval,
    Interval,
    Interval,
  ]
  const above = placements
    .slice(1)
    .map((name) =>
      intervalOf(asked, ({ places }) => Number(places.planned > 0) - Number(places[name] > 0)),
    ) as [Interval, Interval]
  return {
    ...{ plays: asked.length, hourHitRate10: hour.mean, sessionHitRate10: session.mean },
    ...{ mostPlayedHitRate10: most.mean, hourMrr10: mrr(asked, 'planned').mean },
    ...{
      sessionMrr10: mrr(asked, 'session').mean,
      mostPlayedMrr10: mrr(asked, 'most-played').mean,
    },
    ...{ aboveSession: above[0].mean, aboveSessionLow: above[0].low },
    ...{ aboveSessionHigh: above[0].high, aboveMostPlayed: above[1].mean },
    ...{ aboveMostPlayedLow: above[1].low, aboveMostPlayedHigh: above[1].high },
  }
}

type Interval = ReturnType<typeof clusteredInterval>

const hitRate = (asked: readonly Asked[], name: Placement) =>
  intervalOf(asked, ({ places }) => Number(places[name] > 0))
const mrr = (asked: readonly Asked[], name: Placement) =>
  intervalOf(asked, ({ places }) => (places[name] > 0 ? 1 / places[name] : 0))

function intervalOf(asked: readonly Asked[], of: (asked: Asked) => number): Interval {
  return clusteredInterval(
    asked.map(of),
    asked.map(({ visit }) => visit),
  )
}

const moments = [
  { moment: 'Tuesday 07:00', hour: 7, weekday: 2 },
  { moment: 'Tuesday 12:00', hour: 12, weekday: 2 },
  { moment: 'Tuesday 21:00', hour: 21, weekday: 2 },
  { moment: 'Saturday 08:00', hour: 8, weekday: 6 },
  { moment: 'Saturday 16:00', hour: 16, weekday: 6 },
  { moment: 'Saturday 21:00', hour: 21, weekday: 6 },
] as const

/** What somebody of whom nothing is known is shown, and what people like then. */
async function showTastes(client: Client, narrator: Narrator): Promise<void> {
  const rows = []
  for (const { moment, hour, weekday } of moments) {
    const context = { hour, weekday }
    const question = { anonymousId: 'nobody', placement: 'planned', limit: shownItems, context }
    const { items } = await client.pop<Answer>('/v1/decide', question)
    const taste = tasteAt(hour, weekday)
    const liked = categories[taste.indexOf(Math.max(...taste))]
    rows.push({ moment, shown: countsOf(items.map(({ id }) => categoryOf(id))), likedMost: liked })
  }
  narrator.table('What is a stranger shown?', rows)
}

function countsOf(names: readonly string[]): string {
  const groups = [...Map.groupBy(names, (name) => name)]
  return groups.map(([name, all]) => `${all.length} ${name}`).join(', ')
}

const zonesAsked = 24

/** Asks for now in every zone: it has to be the answer for the hour that is on the wall there. */
async function breaksOfZones(client: Client): Promise<number> {
  let breaks = 0
  for (let east = 0; east < zonesAsked; east++) {
    const timezone = `Etc/GMT${east < 12 ? '+' : '-'}${east < 12 ? east : east - 11}`
    const before = timeIn(timezone, Date.now())
    const question = { anonymousId: 'nobody', limit: shownItems }
    const now = await client.pop<Answer>('/v1/decide', {
      ...{ ...question, placement: 'now', context: { timezone } },
    })
    // Where the hour turned while it was asked, either is right.
    if (timeIn(timezone, Date.now()).hour !== before.hour) continue
    const context = { hour: Number(before.hour), weekday: Number(before.weekday) }
    const planned = await client.pop<Answer>('/v1/decide', {
      ...{ ...question, placement: 'planned', context },
    })
    if (JSON.stringify(now.items) !== JSON.stringify(planned.items)) breaks++
  }
  return breaks
}

/** Has the hub make some of the decisions again, of the stored features and the release's own models. */
async function replay(client: Client) {
  const rows = await client.query<{ readonly id: string }>(`
    SELECT decision_id AS id FROM decisions_once
    WHERE site = '${exampleSite}' AND placement = 'planned' ORDER BY decision_id LIMIT 20`)
  let same = 0
  for (const { id } of rows) {
    const replayed = await client.hub<{ readonly same: boolean }>(`/v1/decisions/${id}/replay`)
    if (replayed.same) same++
  }
  return { decisions: rows.length, same }
}
