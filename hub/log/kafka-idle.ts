/** Keeps the driver still while there is nothing to do. */

import { createRequire } from 'node:module'

/** A connection's queue of requests, as far as it is used here (kafkajs/src/network/requestQueue). */
interface RequestQueue {
  readonly pending: readonly unknown[]
  /** By the driver's own clock; in the past, or -1, where the broker does not slow it down. */
  readonly throttledUntil: number
  scheduleCheckPendingRequests(): void
}

const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as {
  prototype: RequestQueue
}
const schedule = prototype.scheduleCheckPendingRequests

/**
 * Lets a queue look again later only when something waits in it.
 *
 * kafkajs 2.2.4 has every connection look each millisecond for ever: 4 % of a core for a hub that has nothing to do,
 * and a warning of Node about a negative time. Replaced here and not in node_modules, where `npm ci` would undo it.
 */
export function quietIdleQueues(): void {
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this)
  }
}
