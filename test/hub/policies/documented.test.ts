import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { kindNames } from '#shared/kinds/table.ts'

const page = readFileSync(new URL('../../../docs/kinds.md', import.meta.url), 'utf8')
const sections = page.split(/^## /m).slice(1)

it('the page of kinds has each kind', () => {
  const names = sections.map((section) => section.slice(0, section.indexOf('\n')))
  expect(names.toSorted()).toEqual(kindNames.toSorted())
})

it.each(sections)('what it shows is a policy', (section) => {
  const [, text = ''] = /```yaml\n(.*?)```/s.exec(section) ?? []
  const parsed = parsePolicy(text)
  expect(parsed.ok ? [] : parsed.mistakes).toEqual([])
})
