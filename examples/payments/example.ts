import { median, quantile } from 'simple-statistics'
import type { Client, Decided } from '../client.ts'
import type { Example, Narrator } from '../example.ts'
import { type Judged, judgeVerdicts, type VerdictFigures } from './judge-verdicts.ts'
import { policy } from './policy.ts'
import { type Payment, propertiesOf, readPayments } from './read-payments.ts'
import { splitPayments } from './split-payments.ts'

const seed = 1
const halves = [0.5, 0.5] as const
const eventsPerBatch = 200
const atOnce = 8
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const historyMs = 10 * 24 * hourMs

/** What the tables call the placements; the first is the one to compare methods by. */
const titles = {
  'by-fraud': 'trees, without accountAgeDays',
  'by-fraud-rest': 'trees, without both that leak',
  'by-rules': 'rules, without accountAgeDays',
  'by-fraud-all': 'trees, all columns',
  'by-account-age': 'one rule: an account of a day',
} as const
type PlacementName = keyof typeof titles

/** A payment is an event, and the answer of that request says whether it may pass. */
export const payments: Example = {
  name: 'payments',
  what: 'allows, reviews or blocks payments in the answer that takes them, against rules',
  data: 'fraud-payments/payment_fraud.csv',
  policy,
  async run(client, narrator, file) {
    const all = readPayments(file)
    const [learned, asked] = splitPayments(all, halves, seed).map((places) =>
      // In the order of the file: the parts come with the frauds first.
      places
        .toSorted((one, other) => one - other)
        .map((place) => ({ number: place, payment: all[place] as Payment })),
    ) as [Numbered[], Numbered[]]
    await sendHistory(learned, client, narrator)
    await train(client, narrator)
    const { judged, times } = await askAll(asked, client, narrator)
    await client.sendAll(
      asked.map((each) => judgedOf(each)),
      eventsPerBatch,
      () => {},
    )
    const found = Object.fromEntries(
      [...judged].map(([placement, each]) => [placement, judgeVerdicts(each)]),
    ) as Record<PlacementName, VerdictFigures>
    const baseRate = asked.filter(({ payment }) => payment.isFraud).length / asked.length
    narrator.table(
      `${asked.length} payments that were not learned from; a guess has a PR-AUC of ${baseRate.toFixed(4)}`,
      rowsOf(found),
    )
    narrator.table('What was worth it, beside letting everything pass', worthOf(found))
    narrator.say(`a verdict took ${median(times).toFixed(1)} ms at the median, over HTTP`)
    return {
      ...{ payments: all.length, asked: asked.length, baseRate },
      ...{ verdictP50Ms: median(times), verdictP99Ms: quantile(times, 0.99) },
      ...Object.assign({}, ...Object.entries(found).map(figuresOf)),
    }
  },
}

interface Numbered {
  readonly number: number
  readonly payment: Payment
}

/** A payment as an event; the file knows no payers, so each is one of its own. */
function submittedOf({ number, payment }: Numbered, at?: number) {
  return {
    ...{ type: 'track', event: 'Payment Submitted', anonymousId: `payer-${number}` },
    messageId: `payment-${number}`,
    ...(at === undefined ? {} : { timestamp: new Date(at).toISOString() }),
    properties: { ...propertiesOf(payment), payment_id: number },
  }
}

/** What came of it is another event, later: a chargeback, or that there was none. */
function judgedOf({ number, payment }: Numbered, at?: number) {
  return {
    ...{ type: 'track', event: 'Payment Judged', anonymousId: `payer-${number}` },
    messageId: `judged-${number}`,
    ...(at === undefined ? {} : { timestamp: new Date(at).toISOString() }),
    properties: { payment_id: number, fraud: payment.isFraud },
  }
}

/** The first half, spread over the last days, each with what came of it a minute later. */
async function sendHistory(learned: readonly Numbered[], client: Client, narrator: Narrator) {
  const startAtMs = Date.now() - historyMs
  const events = learned.flatMap((each, place) => {
    const at = startAtMs + (place / learned.length) * (historyMs - hourMs)
    return [submittedOf(each, at), judgedOf(each, at + minuteMs)]
  })
  let accepted = 0
  await client.sendAll(events, eventsPerBatch, (receipt) => {
    accepted += receipt.accepted
  })
  await client.untilStored(accepted)
  narrator.say(`${learned.length} payments and what came of them are in the store`)
}

/** Has the hub learn from the store what its policy states; the release is live when this resolves. */
async function train(client: Client, narrator: Narrator): Promise<void> {
  const { release, models } = await client.retrain()
  for (const { name, outcome, reason, figures } of models) {
    const judged =
      figures.prAuc === undefined ? '' : `, PR-AUC ${figures.prAuc.toFixed(3)} on the newest`
    narrator.say(`${name}: ${outcome}${judged}; ${reason}`)
  }
  await client.untilLive(release, 'by-fraud')
}

async function askAll(asked: readonly Numbered[], client: Client, narrator: Narrator) {
  narrator.say(`${asked.length} payments are submitted, one a request …`)
  const judged = new Map(Object.keys(titles).map((name) => [name, [] as Judged[]]))
  const times: number[] = []
  const next = asked.values()
  const work = async () => {
    // One iterator feeds every worker, so no more than a payment each is on the way.
    for (const each of next) {
      const startedAt = performance.now()
      const { decisions = [] } = await client.pop<{ decisions?: readonly Decided[] }>(
        '/v1/track',
        submittedOf(each),
      )
      times.push(performance.now() - startedAt)
      const { isFraud, columns } = each.payment
      for (const { placement, answer } of decisions) {
        const said = answer as unknown as Pick<Judged, 'verdict' | 'score'>
        judged.get(placement)?.push({ ...said, isFraud, items: Number(columns.numItems) })
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return { judged, times }
}

function rowsOf(found: Record<PlacementName, VerdictFigures>) {
  const told = ({ mean, low, high }: VerdictFigures['prAuc']) =>
    `${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`
  return titlesOf(found).map(([verdict, { prAuc, recall }]) => ({
    verdict,
    'PR-AUC': told(prAuc),
    'recall at 1 % false positives': told(recall),
  }))
}

function worthOf(found: Record<PlacementName, VerdictFigures>) {
  return titlesOf(found).map(([verdict, { prAuc: _, recall: __, saved, ...counts }]) => ({
    verdict,
    ...counts,
    saved: Math.round(saved),
  }))
}

function titlesOf(found: Record<PlacementName, VerdictFigures>) {
  const names = Object.keys(titles) as PlacementName[]
  return names.map((name) => [titles[name], found[name]] as const)
}

/** `byFraudPrAuc` and the like. */
function figuresOf([placement, { prAuc, recall, ...counts }]: [string, VerdictFigures]) {
  const prefix = placement.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  const figures = { prAuc: prAuc.mean, recallAt1Fpr: recall.mean, ...counts }
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [
      `${prefix}${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
      value,
    ]),
  )
}
