import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { parse } from 'csv-parse'

/** One line of an invoice as the file has it. */
export interface InvoiceLine {
  readonly item: string
  readonly description: string
  /** Below 0 for what came back or was written off. */
  readonly quantity: number
  /** GBP. */
  readonly unitPrice: number
}

export interface Invoice {
  readonly number: string
  /** Where in the file it begins: a number may come again after another invoice's lines. */
  readonly lineNumber: number
  /** Of its first line. The file has no time zone; the shop's clock is taken as UTC. */
  readonly at: Date
  /** Null where the till did not know the customer. */
  readonly customer: string | null
  readonly country: string
  readonly lines: readonly InvoiceLine[]
}

/** What the file had beside good lines. */
export interface LinesLeftOut {
  /** Lines that an invoice has twice in every column. */
  duplicates: number
  /** Lines whose numbers or date cannot be read. */
  malformed: number
}

const columns = [
  ...['InvoiceNo', 'StockCode', 'Description', 'Quantity'],
  ...['InvoiceDate', 'UnitPrice', 'CustomerID', 'Country'],
] as const
type Line = Readonly<Record<(typeof columns)[number], string>>

/** An invoice whose lines are being read. */
interface Open {
  readonly first: Line
  readonly lineNumber: number
  readonly texts: Set<string>
  readonly lines: InvoiceLine[]
}

/**
 * Reads the invoices of "Online Retail" (UCI, CC BY 4.0; CSV with a header, gzipped), one after the other, as their
 * lines lie together in the file. A line that is there twice counts once, and `leftOut` counts it.
 */
export async function* readInvoices(file: string, leftOut: LinesLeftOut): AsyncGenerator<Invoice> {
  const lines = createReadStream(file)
    .pipe(createGunzip())
    .pipe(parse({ columns: true }))
  let open: Open | null = null
  let lineNumber = 1
  for await (const line of lines as AsyncIterable<Line>) {
    lineNumber++
    const read = readLine(line)
    if (read === null) {
      leftOut.malformed++
      continue
    }
    if (open?.first.InvoiceNo !== line.InvoiceNo) {
      if (open) yield invoiceOf(open)
      open = { first: line, lineNumber, texts: new Set(), lines: [] }
    }
    const text = columns.map((column) => line[column]).join('\n')
    if (open.texts.has(text)) leftOut.duplicates++
    else {
      open.texts.add(text)
      open.lines.push(read)
    }
  }
  if (open) yield invoiceOf(open)
}

function readLine(line: Line): InvoiceLine | null {
  const quantity = Number(line.Quantity)
  const unitPrice = Number(line.UnitPrice)
  const isGood =
    line.InvoiceNo !== '' &&
    line.StockCode !== '' &&
    Number.isSafeInteger(quantity) &&
    Number.isFinite(unitPrice) &&
    !Number.isNaN(+instantOf(line.InvoiceDate))
  if (!isGood) return null
  return { item: line.StockCode, description: line.Description, quantity, unitPrice }
}

function invoiceOf({ first, lineNumber, lines }: Open): Invoice {
  return {
    number: first.InvoiceNo,
    lineNumber,
    at: instantOf(first.InvoiceDate),
    // The file has numbers as "17850.0".
    customer: first.CustomerID === '' ? null : first.CustomerID.replace(/\.0$/, ''),
    country: first.Country,
    lines,
  }
}

function instantOf(text: string): Date {
  return new Date(`${text.replace(' ', 'T')}Z`)
}
