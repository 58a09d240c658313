import type { ReleaseShelf } from './shelf.ts'

/** A SQLite row of a Durable Object holds at most 2 MB. */
const pieceBytes = 1_500_000

// In pieces: a call between objects has what it carries in memory twice more, in an isolate that has 128 MB.

/** Sends a release to the shelf, where it is arriving until it is put to use. */
export async function sendToShelf(
  shelf: DurableObjectStub<ReleaseShelf>,
  site: string,
  digest: string,
  bytes: Uint8Array,
): Promise<void> {
  for (let number = 0; number * pieceBytes < bytes.length; number++) {
    // A copy: of a view a call carries everything that lies behind it.
    const piece = bytes.slice(number * pieceBytes, (number + 1) * pieceBytes)
    await shelf.arrive(site, digest, number, piece)
  }
}

/** Reads a release from the shelf; null where it does not lie there, or not any more. */
export async function readFromShelf(
  shelf: DurableObjectStub<ReleaseShelf>,
  site: string,
  digest: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytesTotal = await shelf.bytesOf(site, digest)
  if (bytesTotal === null) return null
  const bytes = new Uint8Array(bytesTotal)
  let offset = 0
  for (let number = 0; offset < bytesTotal; number++) {
    const piece = await shelf.piece(site, digest, number)
    if (piece === null) return null
    bytes.set(piece, offset)
    offset += piece.length
  }
  return bytes
}
