import { describe, expect, it } from 'vitest'
import { readSessionFile } from '#hub/evaluation/session-file.ts'

const header = 'SessionId\tItemId\tTime'
const rows = ['1\ta\t20.5', '2\tx\t1', '1\tb\t10.0', '1\tc\t20.5']

describe('readSessionFile', () => {
  it('keeps file order, also where rows of sessions are mixed', () => {
    const { sessions } = readSessionFile([header, ...rows, ''].join('\n'), 'file')
    expect(sessions.map(({ sessionId, itemIds }) => [sessionId, itemIds.join('')])).toEqual([
      ['1', 'abc'],
      ['2', 'x'],
    ])
    expect(sessions[0]?.timesMs).toEqual([20500, 10000, 20500])
  })

  it('sorts by time, equal times as in the file', () => {
    const { sessions } = readSessionFile([header, ...rows].join('\r\n'), 'time')
    expect(sessions[0]?.itemIds).toEqual(['b', 'a', 'c'])
  })

  it('reports malformed rows with line and reason, and reads on', () => {
    const bad = ['1\ta', '1\ta\t1\tmore', '\ta\t1', '1\ta\tnoon', '1\ta\t', '1\tok\t3']
    const { sessions, malformed } = readSessionFile([header, ...bad].join('\n'), 'file')
    expect(malformed).toEqual([
      { lineNumber: 2, reason: 'columns' },
      { lineNumber: 3, reason: 'columns' },
      { lineNumber: 4, reason: 'empty-id' },
      { lineNumber: 5, reason: 'time' },
      { lineNumber: 6, reason: 'time' },
    ])
    expect(sessions[0]?.itemIds).toEqual(['ok'])
  })
})
