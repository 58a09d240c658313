import type { Invoice, InvoiceLine } from './read-invoices.ts'

/** An event names at most so many items (`sessionItemsMax`); a longer invoice becomes several events of one order. */
export const linesPerEventMax = 50

/** Lines of one invoice by what they mean. */
const meanings = [
  {
    event: 'Order Completed',
    holds: ({ quantity, unitPrice }: InvoiceLine) => quantity > 0 && unitPrice > 0,
  },
  {
    event: 'Order Refunded',
    holds: ({ quantity, unitPrice }: InvoiceLine) => quantity < 0 && unitPrice > 0,
  },
  // Free of charge, written off, found again, bad debt: real, and no sale.
  { event: 'Stock Adjusted', holds: ({ unitPrice }: InvoiceLine) => unitPrice <= 0 },
] as const

/**
 * The events of an invoice in the Segment shape: what was sold, what came back, what was adjusted. The same invoice
 * gives the same `messageId`s, so importing a file twice stores it once.
 */
export function eventsOf(invoice: Invoice): object[] {
  return meanings.flatMap(({ event, holds }) => {
    const lines = invoice.lines.filter(holds)
    return partsOf(lines).map((part, number) => eventOf(event, part, number, invoice))
  })
}

function partsOf(lines: readonly InvoiceLine[]): InvoiceLine[][] {
  return Array.from({ length: Math.ceil(lines.length / linesPerEventMax) }, (_, number) =>
    lines.slice(number * linesPerEventMax, (number + 1) * linesPerEventMax),
  )
}

function eventOf(event: string, lines: readonly InvoiceLine[], part: number, invoice: Invoice) {
  const { number, lineNumber, at, customer, country } = invoice
  const total = lines.reduce((sum, line) => sum + Math.abs(line.quantity) * line.unitPrice, 0)
  return {
    type: 'track',
    event,
    messageId: `${number}-${lineNumber}-${event}-${part}`,
    timestamp: at.toISOString(),
    // A customer the till did not know is a visitor of one invoice.
    ...(customer === null ? { anonymousId: `invoice-${number}` } : { userId: customer }),
    properties: {
      ...{ order_id: number, part, country, currency: 'GBP', total: Number(total.toFixed(2)) },
      products: lines.map(({ item, description, quantity, unitPrice }) => ({
        ...{ product_id: item, name: description, price: unitPrice },
        // Events count what moved, their name says which way; an adjustment alone may go either way.
        ...(event === 'Stock Adjusted' ? { units: quantity } : { quantity: Math.abs(quantity) }),
      })),
    },
  }
}
