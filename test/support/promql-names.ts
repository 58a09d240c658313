/** A metric as a query names it, and the labels its selector wants to be equal to something. */
export interface Selected {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

const words = new Set([
  ...['and', 'or', 'unless', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right'],
  ...['offset', 'bool', 'inf', 'nan', 'start', 'end'],
])

/**
 * The metrics a PromQL query selects: every identifier that is no function, aggregation, word of the language,
 * duration or label. Not a parser: it knows what is written in the rules and the dashboard here, and what it does not
 * understand it takes for a metric, so that a slip shows.
 */
export function selectedMetrics(query: string): Selected[] {
  const withoutLabels = query
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replaceAll(/\boffset\s+\S+?(?=[\s)]|$)/g, ' ')
  const selector = /([a-zA-Z_:][\w:]*)\s*(\{[^}]*\}|\()?|"[^"]*"|\d+(?:\.\d+)?(?:e[+-]?\d+)?[a-z]*/g
  return [...withoutLabels.matchAll(selector)].flatMap(([, name, after]) => {
    if (name === undefined || after === '(' || words.has(name.toLowerCase())) return []
    const labels = [...(after ?? '').matchAll(/(\w+)\s*=\s*"([^"]*)"/g)]
    return [{ name, labels: Object.fromEntries(labels.map(([, label, value]) => [label, value])) }]
  })
}

/** True where a text of Prometheus' format exposes a metric, and a series of it with these labels where some are wanted. */
export function exposes(text: string, name: string, labels: Readonly<Record<string, string>>) {
  const family = name.replace(/_(bucket|sum|count)$/, '')
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  const isThere = types.some(
    ([, exposed, type]) => exposed === name || (type === 'histogram' && exposed === family),
  )
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  if (!isThere || wanted.length === 0) return isThere
  const series = text.split('\n').filter((line) => line.startsWith(`${name}{`))
  return series.some((line) => wanted.every((pair) => line.includes(pair)))
}
