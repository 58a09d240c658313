/** Appends to the log of a directory until it is killed, and tells its parent what was acknowledged. */

import { openSqliteLog } from '#hub/log/sqlite-log.ts'

const log = openSqliteLog({
  nowMs: Date.now,
  directory: process.argv[2] ?? '',
  partitionsPerTopic: 1,
})
for (let round = 0; ; round++) {
  const messages = Array.from({ length: 10 }, (_, index) => ({
    key: `shop ${index}`,
    identity: `${round}-${index}`,
    value: '{}',
  }))
  await log.append('events', messages)
  process.send?.(messages.map((message) => message.identity))
}
