import type { PopErasure } from '#shared/contract.ts'
import { readVisitorKey, refusalsKey } from '#shared/id.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { assertServed, authorise, type HubRequest } from '../authorise.ts'
import type { Environment } from '../environment.ts'
import { objectOf } from '../visitor-request.ts'
import type { Place, VisitorDescription } from './describe.ts'
import type { Erased, VisitorName } from './erase.ts'

/** The hub asks for one visitor, or for the end of one. */
export interface VisitorOrder extends HubRequest, VisitorName {
  /** The `next` of the page before, '' for the first. */
  readonly after: string
}

/** All that this POP keeps of a visitor, a page of its batches at a time. */
export async function tellVisitor(order: VisitorOrder, environment: Environment) {
  const name = await readOrder(order, environment)
  const after = readPlace(order.after)
  const visitors = objectOf(name.site, name.visitor, environment)
  const told = (await visitors.describe(name, after)) as VisitorDescription
  const reservations = await environment.offersOf(name.site).describe(name)
  return {
    pop: environment.config.popId,
    ...name,
    ...told,
    reservations,
    batches: told.batches.map((one) => ({ ...one, batch: JSON.parse(one.batch) })),
    next: told.next && `${told.next.place}.${told.next.position}`,
  }
}

/** Erases a visitor; resolves when that is durable. Nobody known is an answer: nothing was found. */
export async function eraseVisitor(
  order: VisitorOrder,
  environment: Environment,
): Promise<PopErasure & VisitorName> {
  const name = await readOrder(order, environment)
  const owner = objectOf(name.site, name.visitor, environment)
  // The others first: an order that ends in between comes again, and finds here who they are.
  await unlink(name, (await owner.linkedWith(name)) as string[], environment)
  const { epoch, found } = (await owner.erase(name)) as Erased
  // After the owner: what it still committed has told this isolate of the visitor.
  environment.links.forget(name.site, name.visitor)
  environment.known.forget(name.site, name.visitor)
  const refusals = await objectOf(name.site, refusalsKey, environment).eraseRefusals(name)
  // After the visitor's own object, whose decisions ask for what is reserved.
  const reservations = await environment.offersOf(name.site).erase(name)
  const all = { ...found, refusals, reservations }
  return { pop: environment.config.popId, ...name, epoch, found: all }
}

/** Nobody whom the visitor is linked with goes on naming it. */
async function unlink(
  { site, visitor }: VisitorName,
  linked: readonly string[],
  environment: Environment,
): Promise<void> {
  await Promise.all(
    linked.map((key) => objectOf(site, key, environment).unlink({ site, visitor: key }, visitor)),
  )
}

async function readOrder(order: VisitorOrder, environment: Environment): Promise<VisitorName> {
  await authorise(order, environment)
  assertServed(order.site, environment)
  const visitor = readVisitorKey(order.visitor)
  if (visitor) return { site: order.site, visitor }
  throw new RequestRefused(400, 'invalid_visitor', 'a visitor is a:<anonymousId> or u:<userId>')
}

function readPlace(text: string): Place | null {
  if (text === '') return null
  const [, place, position] = /^(outbox|set_aside)\.(\d{1,15})$/.exec(text) ?? []
  if (place) return { place: place as Place['place'], position: Number(position) }
  throw new RequestRefused(400, 'invalid_after', 'after is the next of the page before')
}
