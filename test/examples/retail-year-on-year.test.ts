import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventsOf, linesPerEventMax } from '#examples/retail-year-on-year/order-events.ts'
import { type Invoice, readInvoices } from '#examples/retail-year-on-year/read-invoices.ts'
import { readEvent } from '#shared/read-event.ts'

const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country'
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shelfedge-invoices-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function read(lines: readonly string[]) {
  const file = join(folder, 'invoices.csv.gz')
  await writeFile(file, gzipSync([header, ...lines].join('\n')))
  const leftOut = { duplicates: 0, malformed: 0 }
  const invoices: Invoice[] = []
  for await (const invoice of readInvoices(file, leftOut)) invoices.push(invoice)
  return { invoices, leftOut }
}

interface OrderEvent {
  readonly event: string
  readonly messageId: string
  readonly userId?: string
  readonly anonymousId?: string
  readonly properties: { readonly total: number; readonly products: readonly object[] }
}
const ordersOf = (invoice: Invoice | undefined) => eventsOf(invoice as Invoice) as OrderEvent[]

const lamp = '536365,71053,"WHITE, METAL LANTERN",6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom'

test('a line becomes an order of its customer, at its time', async () => {
  const { invoices } = await read([lamp])
  expect(ordersOf(invoices[0])).toEqual([
    {
      type: 'track',
      event: 'Order Completed',
      messageId: '536365-2-Order Completed-0',
      timestamp: '2010-12-01T08:26:00.000Z',
      userId: '17850',
      properties: {
        order_id: '536365',
        part: 0,
        country: 'United Kingdom',
        currency: 'GBP',
        total: 20.34,
        products: [{ product_id: '71053', name: 'WHITE, METAL LANTERN', price: 3.39, quantity: 6 }],
      },
    },
  ])
})

test('a line that is there twice counts once, and one that cannot be read is counted and sinks no other', async () => {
  const broken = lamp.replace(',6,', ',six,')
  const { invoices, leftOut } = await read([lamp, lamp, broken])
  expect(invoices.map(({ lines }) => lines.length)).toEqual([1])
  expect(leftOut).toEqual({ duplicates: 1, malformed: 1 })
})

test('an invoice whose lines lie apart loses none of them', async () => {
  const other = lamp.replace('536365', '536366')
  const { invoices } = await read([lamp, other, lamp.replace('71053', '71054')])
  const ids = invoices.flatMap((invoice) => ordersOf(invoice).map(({ messageId }) => messageId))
  expect(new Set(ids).size).toBe(3)
})

test('what came back is a refund, what cost nothing an adjustment, and no quantity is negative', async () => {
  const { invoices } = await read([
    'C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527.0,United Kingdom',
    '536414,22139,,-56,2010-12-01 11:52:00,0.0,,United Kingdom',
  ])
  const [refund, adjustment] = invoices.flatMap(ordersOf)
  expect(refund).toMatchObject({ event: 'Order Refunded', properties: { total: 27.5 } })
  expect(adjustment).toMatchObject({
    event: 'Stock Adjusted',
    anonymousId: 'invoice-536414',
    properties: { products: [{ product_id: '22139', units: -56 }] },
  })
})

test('a long invoice is several events that add up, each of which the POP takes', async () => {
  const lines = Array.from({ length: 2 * linesPerEventMax + 1 }, (_, number) =>
    lamp.replace('71053', `item-${number}`),
  )
  const { invoices } = await read(lines)
  const events = ordersOf(invoices[0])
  expect(events.map(({ properties }) => properties.products.length)).toEqual([
    linesPerEventMax,
    linesPerEventMax,
    1,
  ])
  const total = events.reduce((sum, { properties }) => sum + properties.total, 0)
  expect(total).toBeCloseTo(lines.length * 20.34)
  for (const event of events)
    expect(readEvent(event, { receivedAt: Date.UTC(2026, 0) }).ok).toBe(true)
})
