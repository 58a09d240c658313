/** Inserts into the store of a directory until it is killed, and tells its parent each row that was acknowledged. */

import { randomUUID } from 'node:crypto'
import { openStore } from '#hub/store/open-store.ts'

const store = await openStore({ dataDir: process.argv[2] ?? '' })
for (;;) {
  const visitor = randomUUID()
  const rows = Array.from({ length: 1_000 }, (_, at) => ({
    site: 'shop',
    ...{ visitor, message_id: `${at}` },
  }))
  await store.insert('events', rows, visitor)
  process.send?.(visitor)
}
