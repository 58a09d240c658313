import { compress } from 'snappyjs'
import { describe, expect, it } from 'vitest'
import { chunkLength, planText, readPlan } from '#hub/log/kafka-chunks.ts'
import { unpackSnappy } from '#hub/log/kafka-codecs.ts'
import type { StoredMessage } from '#hub/log/log.ts'

const bounds = { chunkMessagesMax: 3, chunkCharactersMax: 100 }

function messagesAt(...offsets: number[]): StoredMessage[] {
  return offsets.map((offset) => ({
    ...{ key: 'k', identity: `${offset}`.padStart(9, '0'), value: '' },
    ...{ offset: BigInt(offset), appendedAtMs: 0 },
  }))
}

describe('a chunk of Kafka', () => {
  it('without a plan is cut by its bounds, and holds one message at least', () => {
    expect(chunkLength(messagesAt(0, 1, 2, 3), null, bounds)).toBe(3)
    expect(chunkLength(messagesAt(0, 1), null, bounds)).toBe(2)
    expect(chunkLength(messagesAt(0, 1, 2), null, { ...bounds, chunkCharactersMax: 25 })).toBe(2)
    expect(chunkLength(messagesAt(0, 1, 2), null, { ...bounds, chunkCharactersMax: 1 })).toBe(1)
  })

  it('ends where it was planned, whatever the bounds are now', () => {
    expect(chunkLength(messagesAt(0, 1, 2, 3, 4, 5), 4n, bounds)).toBe(5)
    expect(chunkLength(messagesAt(0, 1, 2), 0n, bounds)).toBe(1)
  })

  it('waits until its planned end has been fetched', () => {
    expect(chunkLength(messagesAt(0, 1, 2, 3), 4n, bounds)).toBeNull()
    expect(chunkLength(messagesAt(0, 1, 2, 3, 4), 4n, bounds)).toBe(5)
  })

  it('ends before its planned end where that message is gone, and is cut anew where all are', () => {
    expect(chunkLength(messagesAt(3, 5, 6), 4n, bounds)).toBe(1)
    expect(chunkLength(messagesAt(5, 6, 7, 8), 4n, bounds)).toBe(3)
  })

  it('is planned in words that are read back, and others are not taken for a plan', () => {
    expect(readPlan(planText(9_007_199_254_740_993n))).toBe(9_007_199_254_740_993n)
    for (const text of [null, '', 'planned-last=', 'planned-last=x', 'by somebody else'])
      expect(readPlan(text)).toBeNull()
  })
})

describe('what was packed by Snappy', () => {
  const text = Buffer.from('naïve ✓ 🛒 '.repeat(100))
  const pack = (part: Buffer) => Buffer.from(compress(part))

  it('is unpacked as one block, as this hub writes it', () => {
    expect(unpackSnappy(pack(text))).toEqual(text)
  })

  it('is unpacked from several blocks, as clients on the JVM write them', () => {
    const header = Buffer.from('82534e4150505900' + '0000000100000001', 'hex')
    const blocks = [text.subarray(0, 700), text.subarray(700)].map(pack)
    const framed = blocks.flatMap((block) => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(block.length)
      return [length, block]
    })
    expect(unpackSnappy(Buffer.concat([header, ...framed]))).toEqual(text)
  })
})
