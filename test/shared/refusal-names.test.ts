import { describe, expect, it } from 'vitest'
import { nameInBody, visitorsNamedIn, visitorsOfRefused } from '#shared/refusal-names.ts'

const awkward = ['me', '50%', 'quote"s', 'back\\slash', 'snow ☃', 'a]b', "it's"]

describe('the body of a refusal', () => {
  it.each(awkward)('names whose id it holds: %s', (id) => {
    const body = JSON.stringify({
      type: 'purchase',
      anonymousId: id,
      userId: `${id}!`,
      context: {},
    })
    expect(visitorsNamedIn(body)).toEqual([`a:${id}`, `u:${id}!`])
    expect(body).toContain(nameInBody(`a:${id}`))
    expect(body).toContain(nameInBody(`u:${id}!`))
    expect(body).not.toContain(nameInBody(`u:${id}`))
  })

  it('names whose number it holds', () => {
    const body = JSON.stringify({ anonymousId: 777123, userId: 5 })
    expect(visitorsNamedIn(body)).toEqual(['a:777123', 'u:5'])
    expect(visitorsNamedIn('{"anonymousId":777')).toEqual([])
  })

  it.each([
    ['whose id begins the same', '{"anonymousId":"me too"}'],
    ['of another kind', '{"userId":"me"}'],
    ['whose id was cut', '{"type":"track","anonymousId":"me'],
    ['who has no id', '{"type":"track"}'],
    ['in broken text', '{"anonymousId":"me\\ud8"}'],
  ])('does not name somebody %s', (_who, body) => {
    expect(visitorsNamedIn(body)).not.toContain('a:me')
    expect(body).not.toContain(nameInBody('a:me'))
  })
})

it.each([
  [{ anonymousId: 'me', userId: 7 }, {}, ['a:me', 'u:7']],
  [{ type: 'track' }, { anonymousId: 'me' }, ['a:me']],
  [{ anonymousId: 'own' }, { anonymousId: 'me' }, ['a:own']],
  [{ anonymousId: {} }, { userId: 'me' }, ['u:me']],
  [{ anonymousId: 'x'.repeat(300) }, {}, []],
  [7, {}, []],
  [null, { anonymousId: 'me' }, ['a:me']],
])('a refused event %j of a request of %j is of %j', (event, request, visitors) => {
  expect(visitorsOfRefused(event, request)).toEqual(visitors)
})
