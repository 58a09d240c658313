import { expect, it } from 'vitest'
import { KnownLinks } from '#edge/known-links.ts'
import { limits } from '#shared/limits.ts'
import { baseMs } from '#test/support/events.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'
import { coreOn, requestOf } from '#test/support/visitors.ts'

const user = { site: 'demo', visitor: 'u:ada' }
const linkedOf = (core: ReturnType<typeof coreOn>, site = 'demo') =>
  core.look(requestOf([], { ...user, site })).linked

it('keeps each device of a user once, across a restart, and of its site alone', () => {
  const storage = sqliteStorage()
  const core = coreOn(storage)
  core.link(user, 'links', ['a:web', 'a:app'], baseMs)
  core.link(user, 'links', ['a:web'], baseMs + 1)
  expect(linkedOf(coreOn(storage))).toEqual(['a:app', 'a:web'])
  expect(linkedOf(core, 'other')).toEqual([])
  expect(core.look(requestOf([], { visitor: 'a:web' })).linked).toEqual([])
  storage.close()
})

it('forgets the device that was named longest ago past the bound', () => {
  const storage = sqliteStorage()
  const core = coreOn(storage)
  for (let device = 0; device <= limits.linkedKeysMax; device++) {
    core.link(user, 'links', [`a:${device}`], baseMs + device)
  }
  expect(linkedOf(core)).toHaveLength(limits.linkedKeysMax)
  expect(linkedOf(core)).not.toContain('a:0')
  storage.close()
})

it('describes, erases and forgets what is linked, though nobody came under the key itself', () => {
  const storage = sqliteStorage()
  const core = coreOn(storage)
  core.link(user, 'links', ['a:web'], baseMs)
  expect(core.describe(user, null)).toMatchObject({ known: true, linked: ['a:web'] })
  expect(core.erase(user, baseMs).found).toMatchObject({ known: true })
  expect(core.describe(user, null)).toMatchObject({ known: false, linked: [] })
  core.link(user, 'links', ['a:app'], baseMs)
  expect(core.forget(baseMs, baseMs)).toBe(baseMs)
  expect(core.forget(baseMs + 1, baseMs + 1)).toBe(null)
  expect(linkedOf(core)).toEqual([])
  storage.close()
})

it('is known from both sides, so that neither is named on after the other was erased', () => {
  const core = coreOn(sqliteStorage())
  const device = { site: 'demo', visitor: 'a:web' }
  core.link(device, 'linked_by', ['u:ada'], baseMs)
  core.link(user, 'links', ['a:web', 'a:app'], baseMs)
  expect(core.describe(device, null)).toMatchObject({ known: true, linkedBy: ['u:ada'] })
  expect(core.linkedWith(device)).toEqual(['u:ada'])
  core.unlink(user, 'a:web')
  // An order that ended here comes again, and still finds whom it is about.
  expect(core.linkedWith(device)).toEqual(['u:ada'])
  core.erase(device, baseMs)
  expect(core.linkedWith(device)).toEqual([])
  expect(core.linkedWith(user)).toEqual(['a:app'])
})

it('is written down again after a while, and what an isolate remembers of it has a bound', () => {
  const links = new KnownLinks()
  links.add('demo', 'u:ada', 'a:web', baseMs)
  expect(links.isKnown('demo', 'u:ada', 'a:web', baseMs + 1)).toBe(true)
  expect(links.isKnown('other', 'u:ada', 'a:web', baseMs + 1)).toBe(false)
  expect(links.isKnown('demo', 'u:ada', 'a:web', baseMs + limits.linkRefreshMs)).toBe(false)
  for (let device = 0; device < limits.linksRememberedMax; device++) {
    links.add('demo', 'u:bob', `a:${device}`, baseMs)
  }
  expect(links.isKnown('demo', 'u:ada', 'a:web', baseMs + 1)).toBe(false)
})
