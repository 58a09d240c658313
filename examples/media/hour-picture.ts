import { mean } from 'simple-statistics'
import type { Asked } from './example.ts'

const [width, height, margin] = [760, 300, 44]
const colours = ['#1a7f37', '#33415c', '#c1121f'] as const

/** The share of plays that were among those shown, by the hour of the listener: a line a way of recommending, as SVG. */
export function hourPicture(
  asked: readonly Asked[],
  named: readonly (readonly [keyof Asked['places'], string])[],
): string {
  const byHour = Map.groupBy(asked, ({ hour }) => hour)
  const hours = [...byHour.keys()].sort((one, other) => one - other)
  const x = (hour: number) => round(margin + (hour / 23) * (width - 2 * margin))
  const shareOf = (hour: number, name: keyof Asked['places']) =>
    mean((byHour.get(hour) ?? []).map(({ places }) => Number(places[name] > 0)))
  const shares = hours.flatMap((hour) => named.map(([name]) => shareOf(hour, name)))
  const top = Math.ceil(10 * Math.max(0.1, ...shares)) / 10
  const y = (share: number) => round(height - margin - (share / top) * (height - 2 * margin))
  const lines = named.map(([name, label], at) => {
    const points = hours.map((hour) => `${x(hour)},${y(shareOf(hour, name))}`)
    const colour = colours[at % colours.length]
    return [
      `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2.5"/>`,
      `<text x="${margin + at * 190}" y="20" fill="${colour}">${label}</text>`,
    ].join('\n')
  })
  const grid = [0, top / 2, top].map(
    (share) =>
      `<path d="M${margin} ${y(share)}H${width - margin}" stroke="#dddddd"/><text x="6" y="${y(share) + 4}">${round(share * 100)} %</text>`,
  )
  const marks = [0, 4, 8, 12, 16, 20].map(
    (hour) => `<text x="${x(hour) - 14}" y="${height - 16}">${hour}:00</text>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">`,
    '<title>Plays that were among the ten shown, by the hour of the listener</title>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...[...grid, ...marks, ...lines],
    '</svg>',
    '',
  ].join('\n')
}

const round = (value: number) => Number(value.toFixed(1))
