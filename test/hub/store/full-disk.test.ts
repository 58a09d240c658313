import { expect, it } from 'vitest'
import { FullDisk } from '#hub/store/full-disk.ts'

const room = { freeBytes: 1e9 }
const noRoom = { freeBytes: 1e6 }
const [second, minute] = [1_000, 60_000]

it('a disk with room is no reason to start the engine again', () => {
  const disk = new FullDisk(0)
  for (let at = 0; at < 60 * minute; at += second) expect(disk.see(room, at)).toBeNull()
})

it('a disk that was full is one, as soon as there is room, and once', () => {
  const disk = new FullDisk(0)
  expect(disk.see(noRoom, minute)).toBeNull()
  expect(disk.see(room, minute + second)).toContain('was full')
  expect(disk.see(room, minute + 2 * second)).toBeNull()
})

it('so is a write that found no room, though the disk was never seen full', () => {
  const disk = new FullDisk(0)
  expect(disk.see('full', minute)).toBeNull()
  expect(disk.see(room, minute + second)).toContain('was full')
})

it('a disk that stays full has every part proven before what it was made from is gone', () => {
  const disk = new FullDisk(0)
  let startedAt = 0
  for (let at = second; at < 60 * minute; at += second) {
    if (disk.see(noRoom, at) === null) continue
    // The engine removes what a part was merged from after eight minutes.
    expect(at - startedAt).toBeLessThan(8 * minute)
    startedAt = at
  }
  expect(startedAt).toBeGreaterThan(50 * minute)
})

it('what turns out to be damaged is one at once, but not again and again where that does not help', () => {
  const disk = new FullDisk(0)
  expect(disk.see('damaged', minute)).toContain('damaged')
  expect(disk.see('damaged', minute + second)).toBeNull()
  for (let at = 2 * second; at < 7 * minute; at += second) {
    expect(disk.see('damaged', minute + at)).toBeNull()
    expect(disk.see(room, minute + at)).toBeNull()
  }
})

it('a start that comes too soon after another is made up for', () => {
  const disk = new FullDisk(0)
  expect(disk.see(noRoom, second)).toBeNull()
  expect(disk.see(room, 2 * second)).toBeNull()
  expect(disk.see(room, 20 * second)).toContain('was full')
})
