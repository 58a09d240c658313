import { describe, expect, it } from 'vitest'
import { limits } from '#shared/limits.ts'
import { siteFinder } from '#shared/sites.ts'

const siteOf = siteFinder({
  demo: { writeKeys: ['demo-old', 'demo-new'] },
  other: { writeKeys: ['other-key'], sessionIdleMinutes: 5 },
})

describe('a write key', () => {
  it('finds its site, and a site may have several while they are changed', () => {
    expect(['demo-old', 'demo-new', 'other-key'].map((key) => siteOf(key)?.id)).toEqual([
      'demo',
      'demo',
      'other',
    ])
  })

  it.each(['', 'demo', 'DEMO-OLD', 'demo-old ', 'demo-ol', 'demo-old1', '__proto__', '\ud800'])(
    'that nobody has finds no site: "%s"',
    (key) => {
      expect(siteOf(key)).toBeNull()
    },
  )

  it('brings the idle limit of its site, or the default', () => {
    expect(siteOf('other-key')?.sessionIdleMsMax).toBe(5 * 60_000)
    expect(siteOf('demo-old')?.sessionIdleMsMax).toBe(limits.sessionIdleMsDefault)
  })
})
