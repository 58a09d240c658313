/** Records a release in the registry of a directory, tells its parent the digest, and waits to be killed. */

import { openRegistry } from '#hub/registry/open-registry.ts'

const registry = await openRegistry({ nowMs: Date.now, dataDir: process.argv[2] ?? '' })
const digest = 'ab'.repeat(32)
const createdAt = new Date(0)
await registry.addRelease({
  digest,
  site: 'shop',
  createdAt,
  createdBy: 'ana',
  manifest: {},
  bytesTotal: 1,
})
process.send?.(digest)
// An open channel keeps the process until its parent ends it.
process.on('message', () => undefined)
