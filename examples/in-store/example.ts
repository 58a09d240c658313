import type { Client } from '../client.ts'
import type { Example, Narrator } from '../example.ts'
import { type Entered, type Group, groupsOf, upliftIn } from './measure.ts'
import { policy } from './policy.ts'
import { idsOf, type Visit, visit } from './visit.ts'
import { makeWorld, type Shopper } from './world.ts'

const seed = 1
const browsing = 1_500
const shoppersTotal = 1_500
const atOnce = 8
const eventsPerBatch = 200
const replays = 20
const hourMs = 3_600_000

/** A shopper browses on the web and in the app, logs in, and the beacon in the store knows what to offer. */
export const inStore: Example = {
  name: 'in-store',
  what: 'offers in a store what was browsed in the app, as one visitor from the web to the till',
  data: null,
  policy,
  // The web was hours ago, and it is the same errand.
  sessionIdleMinutes: 240,
  async run(client, narrator) {
    const world = makeWorld(seed)
    const learned = await learn(world, client, narrator)
    narrator.say(`${shoppersTotal} shoppers browse, log in, and come past the beacon …`)
    const visits = await visitAll(world, client)
    const accepted = visits.reduce((sum, each) => sum + each.accepted, learned)
    const duplicates = visits.reduce((sum, each) => sum + each.duplicates, 0)
    await client.untilStored(accepted)
    tellOne(visits, narrator)
    const groups = groupsOf(visits)
    narrator.table('The offer at the beacon', [
      { offer: 'by what was browsed', ...rounded(groups.personal) },
      { offer: 'the same, a stranger did not log in', ...rounded(groups.strangers) },
      { offer: 'what is popular, for everybody', ...rounded(groups.same) },
    ])
    const experiment = await tellExperiment(client, narrator)
    const replaysSame = await replaySome(visits, client)
    narrator.say(
      `${replaysSame} of ${replays} decisions were the same when the hub made them again`,
    )
    return {
      ...{ shoppers: visits.length, events: accepted, duplicates },
      ...{ personalMatchShare: groups.personal.matchShare },
      ...{ strangersMatchShare: groups.strangers.matchShare },
      ...{ sameMatchShare: groups.same.matchShare },
      ...{ personalRedeemedShare: groups.personal.redeemedShare },
      ...{ sameRedeemedShare: groups.same.redeemedShare },
      ...experiment,
      replaysSame,
    }
  },
}

type World = ReturnType<typeof makeWorld>

/** A day of people who browse, and a model of what goes together. */
async function learn(world: World, client: Client, narrator: Narrator): Promise<number> {
  const startAtMs = Date.now() - 24 * hourMs
  let accepted = 0
  await client.sendAll(browsed(world, startAtMs), eventsPerBatch, (receipt) => {
    accepted += receipt.accepted
  })
  await client.untilStored(accepted)
  const { release, reason } = await client.retrain()
  narrator.say(`${accepted} views learned from: ${reason}`)
  await client.untilLive(release, 'in-store')
  return accepted
}

function* browsed(world: World, startAtMs: number): Generator<object> {
  for (let number = 0; number < browsing; number++) {
    const begin = startAtMs + (number / browsing) * 20 * hourMs
    for (const [at, item] of world.browse().entries()) {
      yield {
        ...{ type: 'track', event: 'Product Viewed', anonymousId: `browser-${number}` },
        messageId: `browser-${number}-${at}`,
        timestamp: new Date(begin + at * 30_000).toISOString(),
        properties: { product_id: item.id, category: item.aisle },
      }
    }
  }
}

async function visitAll(world: World, client: Client): Promise<Visit[]> {
  const shoppers = Array.from({ length: shoppersTotal }, () => world.shopper()).values()
  const visits: Visit[] = []
  const work = async () => {
    // One iterator feeds every worker, so no more than a shopper each is on the way.
    for (const shopper of shoppers) visits.push(await visit(shopper, Date.now(), client))
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return visits
}

/** One way from the web to the till, for people. */
function tellOne(visits: readonly Visit[], narrator: Narrator): void {
  const found = visits.find(
    ({ shopper, fallback, redeemed }) => shopper.aliases && fallback === null && redeemed,
  )
  if (!found) return
  const { shopper, offered } = found
  const { web, app, card } = idsOf(shopper)
  const names = (items: Shopper['inApp']) => items.map(({ id }) => id).join(', ')
  narrator.table('One shopper', [
    { where: 'web', as: web, what: `looks at ${names(shopper.onWeb)}` },
    { where: 'app', as: app, what: `looks at ${names(shopper.inApp)}` },
    { where: 'app', as: `${app} = ${card}`, what: 'logs in (identify)' },
    { where: 'web', as: `${web} = ${card}`, what: 'logs in (alias)' },
    { where: 'store', as: card, what: `comes past the beacon, is offered ${offered.id}` },
    { where: 'till', as: card, what: 'takes it' },
  ])
}

interface Report {
  readonly sampleRatio: { readonly p: number; readonly kept: boolean } | null
  readonly variants: readonly { readonly variant: string; readonly entered: number }[]
}

/** Assignment and orders are those of the store; a report of the hub counts a shopper when its days are over. */
async function tellExperiment(client: Client, narrator: Narrator) {
  const entered = await client.query<Entered>(`
    SELECT JSONExtractString(any(features), 'variants', 'offers') AS variant,
           toUInt32(countIf(event = 'Order Completed')) AS orders
    FROM decisions_once AS decisions
    LEFT JOIN (SELECT visitor, event FROM events_once
               WHERE site = 'example' AND event = 'Order Completed') AS bought
      ON bought.visitor = decisions.visitor
    WHERE site = 'example' AND placement = 'in-store' AND startsWith(decisions.visitor, 'u:card-')
    GROUP BY decisions.visitor`)
  const uplift = upliftIn(entered, shoppersTotal)
  const { sampleRatio, variants } = await client.hub<Report>('/v1/experiments/offers')
  const counts = variants.map(({ variant, entered: shoppers }) => `${variant} ${shoppers}`)
  narrator.say(
    `the experiment has ${counts.join(', ')} shoppers; as the parts say, p = ${sampleRatio?.p.toFixed(2)}`,
  )
  const { value = null, low = null, high = null } = uplift?.difference ?? {}
  const points = (share: number | null) => (share === null ? '?' : (100 * share).toFixed(1))
  narrator.say(
    `redeemed by the variant with personal offers, beyond the other: ${points(value)} points (${points(low)} to ${points(high)}), ${uplift?.proven ? 'proven' : 'not proven'}`,
  )
  return {
    ...{ entered: entered.length, sampleRatioP: sampleRatio?.p ?? null },
    ...{ upliftShare: value, upliftShareLow: low, upliftShareHigh: high },
  }
}

async function replaySome(visits: readonly Visit[], client: Client): Promise<number> {
  const answers = await Promise.all(
    visits
      .slice(0, replays)
      .map(({ decisionId }) =>
        client.hub<{ readonly same: boolean }>(`/v1/decisions/${decisionId}/replay`),
      ),
  )
  return answers.filter(({ same }) => same).length
}

function rounded({ shoppers, matchShare, redeemedShare }: Group) {
  const percent = (share: number) => Number((100 * share).toFixed(1))
  return { shoppers, matchPercent: percent(matchShare), redeemedPercent: percent(redeemedShare) }
}
