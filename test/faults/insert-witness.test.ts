import { expect, test } from 'vitest'
import { InsertWitness } from './insert-witness.ts'

const insertOf = (token: string, ...ids: string[]) => ({
  table: 'events',
  token,
  body: ids.map((id) => `${JSON.stringify({ message_id: id })}\n`).join(''),
})
const onceEach = new Map([
  ['a', 1],
  ['b', 1],
])

test('an insert that is made again under its token is the same insert', () => {
  const witness = new InsertWitness()
  witness.see(insertOf('0-1', 'a', 'b'))
  witness.see(insertOf('0-1', 'a', 'b'))
  expect(() => witness.expectOnceEach(onceEach)).not.toThrow()
})

test('what is cut otherwise comes under two tokens, and is told with both', () => {
  const witness = new InsertWitness()
  witness.see(insertOf('0-0', 'a'))
  witness.see(insertOf('0-1', 'a', 'b'))
  expect(() => witness.expectOnceEach(onceEach)).toThrow(
    '1 events were inserted a second time, one of them by 0-0 and 0-1',
  )
})

test('an event that the log has twice may be inserted twice', () => {
  const witness = new InsertWitness()
  witness.see(insertOf('0-0', 'a'))
  witness.see(insertOf('1-2', 'a', 'b'))
  expect(() => witness.expectOnceEach(new Map([...onceEach, ['a', 2]]))).not.toThrow()
})

test('what nobody was seen to insert is none of what it can vouch for', () => {
  const witness = new InsertWitness()
  witness.see(insertOf('0-0', 'a'))
  expect(() => witness.expectOnceEach(onceEach)).toThrow('nobody was seen to insert 1 events')
})

test('a token for other rows loses them', () => {
  const witness = new InsertWitness()
  witness.see(insertOf('0-1', 'a'))
  witness.see(insertOf('0-1', 'b'))
  expect(() => witness.expectOnceEach(onceEach)).toThrow('the token 0-1 was used for other rows')
})
