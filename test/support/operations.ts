/** What `docs/operations/` asks of Prometheus. */

import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'

const operations = resolve(import.meta.dirname, '../../docs/operations')

export interface Question {
  /** Which panel or rule asks. */
  readonly from: string
  readonly query: string
}

interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[]
}

export interface Dashboard {
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
}

export function operationsFile(name: string): Promise<string> {
  return readFile(resolve(operations, name), 'utf8')
}

export async function dashboard(): Promise<Dashboard> {
  return JSON.parse(await operationsFile('dashboard.json')) as Dashboard
}

/** Every query of the dashboard, as Grafana would send it. */
export async function dashboardQueries(): Promise<Question[]> {
  const { panels } = await dashboard()
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      from: `panel "${title}"`,
      query: expr.replaceAll('$__rate_interval', '1m'),
    })),
  )
}

/** Every expression of the alert rules; read by their indentation, for there is no YAML parser here. */
export async function alertQueries(): Promise<Question[]> {
  const rules = (await operationsFile('alerts.yml')).split(/^ {6}- alert: /m).slice(1)
  return rules.map((rule) => {
    const [name = ''] = rule.split('\n', 1)
    const expression = /^ {8}expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)/m.exec(rule)
    if (expression === null) throw new Error(`the rule ${name} has no expression that can be read`)
    return { from: `rule ${name}`, query: (expression[1] ?? expression[2] ?? '').trim() }
  })
}

/** Every series the tests of the rules make up, but for the labels that only a system in trouble has. */
export async function ruleTestSeries(): Promise<Question[]> {
  const series = (await operationsFile('alerts.test.yml')).matchAll(/- series: '(\w+)\{/g)
  return [...series].map(([, query = '']) => ({ from: 'tests of the rules', query }))
}
