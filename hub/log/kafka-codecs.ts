/** How batches are compressed: kafkajs knows gzip, the other codecs of Kafka are given to it here. */

import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import kafkajs from 'kafkajs'
import { compressFrame, decompressFrame } from 'lz4-napi'
import { compress, uncompress } from 'snappyjs'
import type { Compression } from './kafka-settings.ts'

// Node finds no name for the codecs in a CommonJS module, only in its default export.
const { CompressionCodecs, CompressionTypes } = kafkajs

export const compressionTypes: Readonly<Record<Compression, number>> = {
  snappy: CompressionTypes.Snappy,
  gzip: CompressionTypes.GZIP,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
  none: CompressionTypes.None,
}

const compressZstd = promisify(zstdCompress)
const decompressZstd = promisify(zstdDecompress)

/** A batch has 1 MB compressed; what claims to be larger than this unpacked is no batch of ours. */
const unpackedBytesMax = 256_000_000

/** Gives the codecs to the driver, which keeps them for the process; a topic may hold batches of any of them. */
export function registerCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => Buffer.from(compress(buffer)),
    decompress: async (packed: Buffer) => unpackSnappy(packed),
  })
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => compressFrame(buffer),
    decompress: (packed: Buffer) => decompressFrame(packed),
  })
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => compressZstd(buffer),
    decompress: (packed: Buffer) => decompressZstd(packed, { maxOutputLength: unpackedBytesMax }),
  })
}

// What snappy-java writes, and with it every client on the JVM: a magic, two versions, then blocks, each after its length.
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const xerialHeaderBytes = 16

/** Unpacks a Snappy block, or the blocks of snappy-java's framing. */
export function unpackSnappy(packed: Buffer): Buffer {
  if (!packed.subarray(0, xerialMagic.length).equals(xerialMagic)) return unpackBlock(packed)
  const blocks: Buffer[] = []
  let at = xerialHeaderBytes
  while (at < packed.length) {
    const bytes = packed.readInt32BE(at)
    at += 4
    blocks.push(unpackBlock(packed.subarray(at, at + bytes)))
    at += bytes
  }
  return Buffer.concat(blocks)
}

function unpackBlock(block: Buffer): Buffer {
  return Buffer.from(uncompress(block, unpackedBytesMax))
}
