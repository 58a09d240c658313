import { expect, it } from 'vitest'
import { readOnlySql } from '#hub/store/read-guard.ts'

const length = 100_000

it.each([
  ['quotes that nobody closes', "'\\"],
  ['comments that nobody closes', '/*'],
  ['names with an escape', '"\\'],
  ['dollars', '$a'],
])('%s are refused at the first, however many there are', (_what, text) => {
  expect(() => readOnlySql(`SELECT ${text.repeat(length / text.length)}`)).toThrow('may not hold')
})

it('comments and blanks are one space, everything else is sent as it was written', () => {
  const sql =
    "SELECT\n\t\"A b\" /* c */--d\n,`e`.f, {p:Array(String)}, 1.5e-3, '-- /* ''g\\' ' FROM h"
  const sent = "SELECT \"A b\"    ,`e`.f, {p:Array(String)}, 1.5e-3, '-- /* ''g\\' ' FROM h"
  expect(readOnlySql(sql)).toBe(sent)
})

it('what it begins with is said where it begins wrongly, so that a slip is seen', () => {
  expect(() => readOnlySql('SELCT 1')).toThrow('EXPLAIN; it begins with SELCT')
  expect(() => readOnlySql(' -- nothing else')).toThrow('it begins with nothing')
})
