import { type EventBody, type EventContext, isoTime, type MalformedFault } from './emission.ts'
import type { Random } from './random.ts'
import type { Dirt } from './settings.ts'
import type { Visitor } from './visitors.ts'
import type { Fact } from './walk.ts'

/** An event as the device wrote it, with what was done to it. */
export interface WrittenEvent {
  readonly event: EventBody
  readonly missingValues: number
  readonly fault?: MalformedFault
}

const origin = 'https://shop.example'

/** The fact in the Segment shape, by the device's clock. */
export function writeEvent(fact: Fact, visitor: Visitor, random: Random): WrittenEvent {
  const { type, name, properties, userId } = fact
  const event = {
    type,
    messageId: random.uuid(),
    anonymousId: visitor.anonymousId,
    ...(userId && { userId }),
    timestamp: isoTime(fact.atMs + visitor.device.skewMs),
    ...(type === 'track' && { event: name }),
    ...((type === 'page' || type === 'screen') && { name }),
    ...(type === 'identify' ? { traits: properties } : { properties }),
    context: contextOf(fact, visitor),
  }
  return { event, missingValues: 0 }
}

function contextOf({ path, title }: Fact, { device }: Visitor): EventContext {
  const { userAgent, locale, kind } = device
  return {
    ...(userAgent && { userAgent }),
    ...(locale && { locale }),
    ...(kind === 'web' && { page: { path, url: `${origin}${path}`, title } }),
  }
}

/** Leaves values out and, rarely, breaks the event, as a careless integration does. */
export function spoil(written: WrittenEvent, dirt: Dirt, random: Random): WrittenEvent {
  const lacking = leaveOut(written, dirt, random)
  const breakable = !('order_id' in (lacking.event.properties ?? {}))
  if (!breakable || !random.chance(dirt.malformedShare)) return lacking
  const faults = faultsOf(lacking.event)
  return broken(lacking, random.pick(faults))
}

function leaveOut(written: WrittenEvent, dirt: Dirt, random: Random): WrittenEvent {
  const { properties } = written.event
  if (!properties || !('price' in properties)) return written
  const { price, category, ...rest } = properties
  const kept = {
    ...(!random.chance(dirt.missingPriceShare) && price !== undefined && { price }),
    ...(!random.chance(dirt.missingCategoryShare) && category !== undefined && { category }),
  }
  const missingValues = 2 - Object.keys(kept).length
  return {
    ...written,
    missingValues,
    event: { ...written.event, properties: { ...rest, ...kept } },
  }
}

function faultsOf(event: EventBody): readonly MalformedFault[] {
  const always: readonly MalformedFault[] = ['messageId-missing', 'type-unknown']
  return 'quantity' in (event.properties ?? {}) ? [...always, 'quantity-negative'] : always
}

function broken(written: WrittenEvent, fault: MalformedFault): WrittenEvent {
  const { messageId, ...unnamed } = written.event
  const change = {
    'messageId-missing': unnamed,
    'type-unknown': { ...written.event, type: 'trakc' },
    'quantity-negative': {
      ...written.event,
      properties: { ...written.event.properties, quantity: -1 },
    },
  }
  return { ...written, event: change[fault], fault }
}
