import { max, min } from 'simple-statistics'

export interface SeriesPicture {
  readonly title: string
  /** Epoch ms, ascending. */
  readonly times: readonly number[]
  readonly values: readonly number[]
  /** Shaded: when something is known to have been wrong. */
  readonly windows: readonly (readonly [number, number])[]
  readonly alarms: readonly boolean[]
}

const [width, height, margin] = [1_000, 240, 30]

/** A series as an SVG: its values, the windows behind them, and a mark for each alarm, red outside of every window. */
export function seriesPicture({ title, times, values, windows, alarms }: SeriesPicture): string {
  const [from, to] = [times[0] ?? 0, times.at(-1) ?? 1]
  const [low, high] = [min(values as number[]), max(values as number[])]
  const x = (at: number) => round(((at - from) / (to - from || 1)) * width)
  const y = (value: number) =>
    round(height - margin - ((value - low) / (high - low || 1)) * (height - 2 * margin))
  const shades = windows.map(
    ([start, end]) =>
      `<rect x="${x(start)}" y="${margin}" width="${round(Math.max(1, x(end) - x(start)))}" height="${height - 2 * margin}" fill="#f4c95d" opacity="0.5"/>`,
  )
  const marks = times.flatMap((at, place) => {
    if (!alarms[place]) return []
    const isKnown = windows.some(([start, end]) => at >= start && at <= end)
    const colour = isKnown ? '#1a7f37' : '#c1121f'
    return `<path d="M${x(at)} ${height - margin + 4}l-4 10h8z" fill="${colour}"/>`
  })
  const line = extremes(times, values, x)
    .map(([place, value], at) => `${at === 0 ? 'M' : 'L'}${place} ${y(value)}`)
    .join('')
  const days = `${dayOf(from)} to ${dayOf(to)}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="4" y="18">${escaped(title)} (${days}; green: an alarm inside a window, red: outside)</text>`,
    ...shades,
    `<path d="${line}" fill="none" stroke="#33415c" stroke-width="0.8"/>`,
    ...marks,
    '</svg>',
    '',
  ].join('\n')
}

/** Of each column of pixels the lowest and the highest value: a spike of one reading stays to be seen. */
function extremes(
  times: readonly number[],
  values: readonly number[],
  x: (at: number) => number,
): [number, number][] {
  const columns = Map.groupBy(values.keys(), (place) => Math.floor(x(times[place] as number)))
  return [...columns].flatMap(([column, places]): [number, number][] => {
    const of = places.map((place) => values[place] as number)
    const [low, high] = [min(of), max(of)]
    return low === high
      ? [[column, low]]
      : [
          [column, low],
          [column, high],
        ]
  })
}

const round = (value: number) => Number(value.toFixed(1))
const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)
const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
