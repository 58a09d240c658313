import { type EventBody, eventsOf } from '#hub/synthetic/emission.ts'
import { makeShop } from '#hub/synthetic/shop.ts'
import { simulate } from '#hub/synthetic/shoppers.ts'

export type Traffic = ReturnType<typeof simulate>

/** The shoppers of a synthetic shop from a moment on; the same seed and moment make the same. */
export function trafficFrom(startAtMs: number, seed: number): Traffic {
  const shop = makeShop({ seed })
  // Clocks are right here: history is told with its times, and without the `sentAt` that would correct them.
  const dirt = { skewedDeviceShare: 0 }
  return simulate({ shop, seed, startAtMs, visitorsPerHour: 40, dirt })
}

/** What is sent until a moment; what is drawn first after it is left out. */
export function* eventsUntil(traffic: Traffic, untilMs: number): Generator<EventBody> {
  for (;;) {
    const emission = traffic.next().value
    if (emission.sendAtMs >= untilMs) return
    yield* eventsOf(emission)
  }
}
