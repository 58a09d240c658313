import { expect, test } from 'vitest'
import type { Asked } from '#examples/media/example.ts'
import { hourPicture } from '#examples/media/hour-picture.ts'
import { policy } from '#examples/media/policy.ts'
import { categories, categoryOf, tasteAt, visits } from '#examples/media/world.ts'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { timeIn } from '#shared/policy/time.ts'

const startAt = Date.UTC(2026, 0, 5)

test('its policy is one', () => {
  expect(parsePolicy(policy)).toMatchObject({ ok: true })
})

test('the same seed makes the same visits, by the clock on the wall of each listener', () => {
  const all = visits(1, startAt, 3, 40)
  expect(all).toEqual(visits(1, startAt, 3, 40))
  for (const { zone, atMs, hour, weekday } of all) {
    const wall = timeIn(zone, atMs)
    expect([hour, weekday]).toEqual([Number(wall.hour), Number(wall.weekday)])
  }
  expect(new Set(all.map(({ zone }) => zone)).size).toBeGreaterThan(3)
})

test('news is for the morning of a weekday, and what is played follows', () => {
  const most = (hour: number, weekday: number) => {
    const taste = tasteAt(hour, weekday)
    return categories[taste.indexOf(Math.max(...taste))]
  }
  expect([most(7, 2), most(21, 2), most(8, 6)]).toEqual(['news', 'series', 'kids'])
  const plays = visits(2, startAt, 7, 300)
    .filter(({ hour, weekday }) => weekday < 6 && hour >= 6 && hour <= 8)
    .flatMap((visit) => visit.plays)
  const news = plays.filter((item) => categoryOf(item) === 'news').length
  expect(plays.length).toBeGreaterThan(200)
  expect(news / plays.length).toBeGreaterThan(0.3)
})

test('a picture has a line for each way of recommending', () => {
  const asked = [7, 8, 21].map((hour): Asked => {
    const places = { planned: 1, session: 0, 'most-played': 3 }
    return { visit: 'a', hour, weekday: 1, isFirst: true, places }
  })
  const svg = hourPicture(asked, [
    ['planned', 'hour'],
    ['session', 'session'],
  ])
  expect(svg.match(/<polyline/g)).toHaveLength(2)
})
