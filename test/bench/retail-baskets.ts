import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readInvoices } from '../../examples/retail-year-on-year/read-invoices.ts'

// Baskets of "Online Retail" as sessions: what was rung up first to last. The newest twentieth is to be predicted.

const file = '../shared/data/retail-uci/online-retail.csv.gz'
const testShare = 0.05
/** Postage, samples and write-offs have other codes. */
const isProduct = (item: string) => /^\d{5}/.test(item)

const [directory] = process.argv.slice(2)
if (directory === undefined) {
  console.error('Name the directory to write sessions.jsonl and prefixes.jsonl to.')
  process.exitCode = 2
} else if (!existsSync(file)) {
  console.log(`${file} is not here.`)
} else {
  await writeBaskets(directory)
}

async function writeBaskets(to: string): Promise<void> {
  const baskets: { readonly at: number; readonly items: readonly string[] }[] = []
  for await (const { at, lines } of readInvoices(file, { duplicates: 0, malformed: 0 })) {
    const sold = lines.filter(({ item, quantity }) => quantity > 0 && isProduct(item))
    const items = sold.map(({ item }) => item).filter((item, place, all) => item !== all[place - 1])
    if (items.length > 1) baskets.push({ at: at.getTime(), items })
  }
  baskets.sort((one, other) => one.at - other.at)
  const test = baskets.splice(Math.floor(baskets.length * (1 - testShare)))
  const prefixes = test.flatMap(({ items }) =>
    items.slice(1).map((next, at) => [items.slice(0, at + 1), next]),
  )
  const linesOf = (all: readonly object[]) =>
    all.map((each) => `${JSON.stringify(each)}\n`).join('')
  mkdirSync(to, { recursive: true })
  writeFileSync(join(to, 'sessions.jsonl'), linesOf(baskets.map(({ items }) => items)))
  writeFileSync(join(to, 'prefixes.jsonl'), linesOf(prefixes))
  console.log(
    `${baskets.length} baskets to learn from, ${test.length} to predict, ${prefixes.length} prefixes.`,
  )
}
