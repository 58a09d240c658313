import type { Client } from '../client.ts'
import type { Example, Narrator } from '../example.ts'
import { hitRates, type Shown } from './measure.ts'
import { policy } from './policy.ts'
import { eventsUntil, type Traffic, trafficFrom } from './world.ts'

const seed = 1
const learnedHours = 48
const askedHours = 6
const hourMs = 3_600_000
const eventsPerBatch = 200

interface Answer {
  readonly items: readonly { readonly id: string; readonly category?: string }[]
}

/** A synthetic shop learns from two days of shoppers, and is asked for the items of the next six hours. */
export const eCommerce: Example = {
  name: 'e-commerce',
  what: 'recommends in a synthetic shop with dirty data, and compares with what is viewed most',
  data: null,
  policy,
  async run(client, narrator) {
    const startAtMs = Date.now() - (learnedHours + askedHours) * hourMs
    const traffic = trafficFrom(startAtMs, seed)
    const learned = await learn(traffic, startAtMs + learnedHours * hourMs, client, narrator)
    const shown = await ask(traffic, Date.now(), client, narrator)
    const figures = { ...learned, ...hitRates(shown) }
    narrator.table('Is what is viewed next among the ten that are shown?', [
      { shown: 'by the model', ...rowOf(figures, 'model') },
      { shown: 'what is viewed most', ...rowOf(figures, 'mostViewed') },
    ])
    return figures
  },
}

async function learn(traffic: Traffic, untilMs: number, client: Client, narrator: Narrator) {
  const counts = { accepted: 0, duplicates: 0, refused: 0 }
  await client.sendAll(eventsUntil(traffic, untilMs), eventsPerBatch, (receipt) => {
    counts.accepted += receipt.accepted
    counts.duplicates += receipt.duplicates
    counts.refused += receipt.rejected.length
  })
  const { accepted, duplicates, refused } = counts
  narrator.say(`${accepted} events taken, ${duplicates} were there twice, ${refused} refused`)
  await client.untilStored(accepted)
  const { reason } = await client.retrain()
  narrator.say(`training: published, ${reason}`)
  return { events: accepted, duplicates, refused }
}

/** Each view goes to the POP with the question what comes next; the next view of the visitor is the outcome. */
async function ask(traffic: Traffic, untilMs: number, client: Client, narrator: Narrator) {
  const shown: Record<'model' | 'mostViewed', Shown[]> = { model: [], mostViewed: [] }
  const before = new Map<string, { readonly model: Answer; readonly mostViewed: Answer }>()
  for (
    let emission = traffic.next().value;
    emission.sendAtMs < untilMs;
    emission = traffic.next().value
  ) {
    const { kind, truth } = emission
    if (truth.duplicateOf || truth.bot || truth.late) continue
    if (kind === 'batch') {
      await client.send(emission.body.batch)
      continue
    }
    const { anonymousId: visitor, events } = emission.body
    const viewed = events[0]?.properties?.product_id
    const last = before.get(visitor)
    if (last) {
      for (const name of ['model', 'mostViewed'] as const) {
        shown[name].push({
          visitor,
          isHit: last[name].items.some(({ id }) => id === viewed),
        })
      }
    }
    const asked = { anonymousId: visitor, limit: 10 }
    before.set(visitor, {
      model: await client.pop<Answer>('/v1/decide', {
        ...asked,
        placement: 'product-page',
        events,
      }),
      mostViewed: await client.pop<Answer>('/v1/decide', { ...asked, placement: 'most-viewed' }),
    })
  }
  narrator.say(`${shown.model.length} views had an answer before them`)
  return shown
}

function rowOf(figures: ReturnType<typeof hitRates>, name: 'model' | 'mostViewed') {
  const round = (value: number) => Number(value.toFixed(3))
  return {
    hitRate10: round(figures[`${name}HitRate10`]),
    from: round(figures[`${name}HitRate10Low`]),
    to: round(figures[`${name}HitRate10High`]),
  }
}
