import { didSpell } from '#shared/did-you-mean.ts'
import { eventSchema, interactionEvents, type ShelfEvent } from '#shared/event.ts'
import { cut, tellGiven } from '#shared/given.ts'
import { mistypedOf } from '#shared/policy/context.ts'
import type { Placement } from '#shared/policy.ts'
import { itemsOf } from '#shared/read-event.ts'
import { spendOf } from '#shared/session.ts'
import { envelope, fields, type RawObject, spelling, warnOfNames } from './names.ts'
import type { Warnings } from './warnings.ts'

export const eventFields = fields(Object.keys(eventSchema.entries), [...envelope, 'category'])
/** What is read of every event's properties, whatever a policy declares. */
export const readProperties = ['product_id', 'products', 'total', 'revenue', 'decisionId']

/** Events that were taken: what they say where nobody looks, and what they are about and do not say. */
export function warnOfEvents(
  raw: readonly unknown[],
  rejected: readonly { readonly index: number }[],
  list: 'batch' | 'events' | null,
  warnings: Warnings,
): void {
  const refused = new Set(rejected.map(({ index }) => index))
  for (const [index, event] of raw.entries()) {
    if (warnings.isFull) return
    if (!refused.has(index)) {
      warnOfEvent(event as RawObject, list ? `${list}[${index}].` : '', warnings)
    }
  }
}

function warnOfEvent(event: RawObject, path: string, warnings: Warnings): void {
  warnOfNames(event, eventFields, path, warnings, (name) => {
    if (event.type === 'identify' || event.type === 'group') {
      return 'is no field of an event; what it says of somebody belongs in "traits"'
    }
    const property = didSpell(name, readProperties)
    const as = property ? `, as ${property}` : ''
    return `is no field of an event; what is its own belongs in "properties"${as}`
  })
  const { event: name, type } = event
  const properties = (event.properties ?? {}) as RawObject
  if (type !== 'track' || typeof name !== 'string') return
  const products = Array.isArray(properties.products) ? properties.products : []
  const isOfItems = interactionEvents.includes(name) || products.length > 0
  if (isOfItems && itemsOf(properties).length === 0) {
    warnings.add('no_item', name, () =>
      products.length > 0
        ? `${path}properties.products ${itemMissing(name, products[0])}`
        : `${path}properties ${itemMissing(name, properties)}`,
    )
  }
  if (name === 'Order Completed' && !hasTotal(properties)) {
    warnings.add('no_total', name, () => {
      const meant = spelling(['total', 'revenue'], properties)?.told ?? ''
      return `${path}properties say neither total nor revenue as a number${meant}, so "${name}" counts as 0`
    })
  }
}

function itemMissing(name: string, product: RawObject): string {
  const about = `so "${name}" is about no item`
  const given = product.product_id
  if (given != null) return `have ${tellGiven(given)} as product_id, not text or a number, ${about}`
  return `have no product_id${spelling(['product_id'], product)?.told ?? ''}, ${about}`
}

function hasTotal(properties: RawObject): boolean {
  const said = properties.total ?? properties.revenue
  if (said === 0 || said === '0') return true
  return spendOf({ event: 'Order Completed', properties }) !== 0
}

/** What a placement declares of the event that it decides on. */
export function warnOfDeclared(
  { event: name, properties }: ShelfEvent,
  placement: readonly [name: string, Placement],
  warnings: Warnings,
): void {
  const [own, { event: declared }] = placement
  if (!declared) return
  for (const [field, says] of mistypedOf(declared, properties)) {
    const value = tellGiven(properties[field])
    warnings.add(
      'wrong_type',
      `properties.${field}`,
      () =>
        `properties.${field} of "${cut(name)}" is declared by ${own} as ${says} and is ${value}, so it was left out`,
    )
  }
  const missing = Object.keys(declared).filter((field) => !Object.hasOwn(properties, field))
  const found = missing.length > 0 ? spelling(missing, properties) : null
  if (found === null) return
  const detail = `properties of "${cut(name)}" have no ${found.name}, which ${own} declares${found.told}`
  warnings.add('unknown_field', `properties.${found.name}`, () => detail)
}
