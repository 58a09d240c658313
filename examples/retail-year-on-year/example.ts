import type { Client } from '../client.ts'
import type { Example, Narrator } from '../example.ts'
import { eventsOf } from './order-events.ts'
import { questions } from './questions.ts'
import { type LinesLeftOut, readInvoices } from './read-invoices.ts'

const eventsPerBatch = 40
const sayEvery = 10_000

/** A year of a wholesaler's invoices, and the questions that go from one year to the other. */
export const retailYearOnYear: Example = {
  name: 'retail-year-on-year',
  what: "imports a wholesaler's invoices of a year and asks the store year-on-year questions in SQL",
  data: 'retail-uci/online-retail.csv.gz',
  policy: null,
  async run(client, narrator, file) {
    const leftOut: LinesLeftOut = { duplicates: 0, malformed: 0 }
    const importStartedAt = performance.now()
    const { invoices, events } = await importInvoices(file, leftOut, client, narrator)
    await client.untilStored(events)
    const importSeconds = (performance.now() - importStartedAt) / 1_000
    narrator.say(
      `${events} events of ${invoices} invoices are in the store; ${leftOut.duplicates} lines were there twice, ${leftOut.malformed} unreadable`,
    )
    const times: number[] = []
    for (const { title, sql } of questions) {
      const askedAt = performance.now()
      const rows = await client.query<Record<string, unknown>>(sql)
      times.push(performance.now() - askedAt)
      narrator.table(title, rows)
    }
    return {
      ...{ invoices, events, duplicateLines: leftOut.duplicates },
      ...{ malformedLines: leftOut.malformed, importSeconds, questionMsMax: Math.max(...times) },
    }
  },
}

async function importInvoices(
  file: string,
  leftOut: LinesLeftOut,
  client: Client,
  narrator: Narrator,
): Promise<{ readonly invoices: number; readonly events: number }> {
  const invoices = new Set<string>()
  let accepted = 0
  let batch: object[] = []
  const send = async () => {
    const { accepted: taken, rejected } = await client.send(batch)
    batch = []
    if (rejected[0]) throw new Error(`the POP refused an invoice: ${rejected[0].detail}`)
    if (Math.floor((accepted + taken) / sayEvery) > Math.floor(accepted / sayEvery)) {
      narrator.say(`${accepted + taken} events taken`)
    }
    accepted += taken
  }
  for await (const invoice of readInvoices(file, leftOut)) {
    invoices.add(invoice.number)
    for (const event of eventsOf(invoice)) {
      batch.push(event)
      if (batch.length === eventsPerBatch) await send()
    }
  }
  if (batch.length > 0) await send()
  return { invoices: invoices.size, events: accepted }
}
