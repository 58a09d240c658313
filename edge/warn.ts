import { didSpell, didYouMean, withoutSpelling } from '#shared/did-you-mean.ts'
import { eventSchema, interactionEvents, type ShelfEvent } from '#shared/event.ts'
import { cut, tellGiven } from '#shared/given.ts'
import { mistypedOf } from '#shared/policy/context.ts'
import { timeZoneOf } from '#shared/policy/time.ts'
import type { Placement } from '#shared/policy.ts'
import { itemsOf } from '#shared/read-event.ts'
import { spendOf } from '#shared/session.ts'
import type { Question } from './question.ts'
import type { LoadedRelease } from './releases/load.ts'
import { Warnings } from './warnings.ts'

type RawObject = Readonly<Record<string, unknown>>

/** A request as it came: its body, the events of it, and which of them were refused. */
interface Read {
  readonly body: RawObject
  readonly raw: readonly unknown[]
  readonly rejected: readonly { readonly index: number }[]
}

/**
 * What the Segment specification and its SDKs put around a body or an event: it is nobody's mistake where it is not read.
 * Source: https://segment.com/docs/connections/spec/common/
 */
const envelope = [
  ...['writeKey', 'sentAt', 'receivedAt', 'timestamp', 'messageId', 'context', 'integrations'],
  ...['version', 'channel', 'projectId', 'options'],
]

/** Names that mean something, and those that are let pass. */
interface Fields {
  readonly read: readonly string[]
  readonly known: ReadonlySet<string>
}
const fields = (read: readonly string[], others: readonly string[] = []): Fields => ({
  read,
  known: new Set([...read, ...others]),
})
const asked = ['placement', 'anonymousId', 'userId', 'limit', 'writeKey']
const eventFields = fields(Object.keys(eventSchema.entries), [...envelope, 'category'])
const batchFields = fields(['batch', 'writeKey', 'sentAt'], envelope)
const questionFields = fields([...asked, 'context', 'events'], ['sentAt', 'integrations'])
const queryFields = fields(asked)
/** What is read of every event's properties, whatever a policy declares. */
const readProperties = ['product_id', 'products', 'total', 'revenue', 'decisionId']

/** Of a request for events: its body, and every event that was taken. */
export function warnOfBatch({ body, raw, rejected }: Read, isSingle: boolean): Warnings {
  const warnings = new Warnings()
  if (!isSingle) warnOfNames(body, batchFields, '', warnings, () => 'is no field of a batch')
  warnOfEvents(raw, rejected, isSingle ? null : 'batch', warnings)
  return warnings
}

/** Of a question in a body, by the release that answers it. */
export function warnOfQuestion(
  { body, raw, rejected }: Read,
  { question, newest }: { readonly question: Question; readonly newest: ShelfEvent | undefined },
  release: LoadedRelease | null,
): Warnings {
  const warnings = new Warnings()
  warnOfNames(body, questionFields, '', warnings, (name) => misplaced(name, release))
  if (release) warnOfContext(question.context, release, warnings)
  warnOfEvents(raw, rejected, 'events', warnings)
  const placement = release?.policy.placements.get(question.placement)?.placement
  if (newest && placement) warnOfDeclared(newest, [question.placement, placement], warnings)
  return warnings
}

/** Of a question in an address. */
export function warnOfQuery(query: RawObject): Warnings {
  const warnings = new Warnings()
  warnOfNames(query, queryFields, '', warnings, (name) =>
    name === 'context'
      ? 'is no parameter of this address; POST /v1/decide takes a context'
      : 'is no parameter of this address',
  )
  return warnings
}

/** What belongs to the context, or to an event, is told where to go. */
function misplaced(name: string, release: LoadedRelease | null): string {
  const isContext = Object.hasOwn(release?.policy.policy.context ?? {}, name)
  if (isContext) return 'is no field of a question; it belongs in "context"'
  const property = didSpell(name, readProperties)
  if (property) {
    return `is no field of a question; an event of "events" says it in "properties", as ${property}`
  }
  return eventFields.known.has(name)
    ? 'is no field of a question; events go into the list "events"'
    : 'is no field of a question'
}

/** Events that were taken: what they say where nobody looks, and what they are about and do not say. */
function warnOfEvents(
  raw: readonly unknown[],
  rejected: Read['rejected'],
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

/** What a question tells in its context: rules see what is declared and of its type, models what they name. */
function warnOfContext(context: RawObject, release: LoadedRelease, warnings: Warnings): void {
  const { policy } = release.policy
  warnOfNames(context, contextFieldsOf(release), 'context.', warnings, () =>
    Object.keys(policy.context).length === 0
      ? 'is read by nothing: the policy declares no context'
      : 'is read by nothing: the policy does not declare it',
  )
  for (const [name, says] of mistypedOf(policy.context, context)) {
    const value = tellGiven(context[name])
    warnings.add(
      'wrong_type',
      `context.${name}`,
      () => `context.${name} is declared as ${says} and is ${value}, so it was left out`,
    )
  }
  const { timezone } = context
  if (timezone != null && timeZoneOf(context, '') === '') {
    const detail = `context.timezone is ${tellGiven(timezone)}, which is no IANA time zone; it is ${policy.timeZone} here`
    warnings.add('wrong_type', 'context.timezone', () => detail)
  }
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

/** Names that are none of the known ones. An SDK's own begin with `_` or `$`, and so does what outwits caches. */
function warnOfNames(
  given: RawObject,
  { known, read }: Fields,
  path: string,
  warnings: Warnings,
  says: (name: string) => string,
): void {
  for (const name of Object.keys(given)) {
    if (known.has(name) || name.startsWith('_') || name.startsWith('$')) continue
    if (warnings.isFull) return
    warnings.add('unknown_field', `${path.replace(/\[\d+\]/, '')}${name}`, () => {
      const meant = didYouMean(name, read)
      const hint = meant ? `; did you mean ${meant}?` : ''
      return `${path}${cut(name)} ${says(name)}${hint}`
    })
  }
}

const spellingCharactersMax = 64

/** One of these names where it stands in another spelling, as productId for product_id. */
function spelling(names: readonly string[], given: RawObject) {
  const plain = new Map(names.map((name) => [withoutSpelling(name), name]))
  for (const other of Object.keys(given)) {
    if (other.length > spellingCharactersMax || names.includes(other)) continue
    const name = plain.get(withoutSpelling(other))
    if (name) return { name, told: ` (${other} is there: did you mean ${name}?)` }
  }
  return null
}

const contextFields = new WeakMap<LoadedRelease, Fields>()

/** What a release reads of a context: declared by its policy, or named by a model or by a placement's `text`. */
function contextFieldsOf(release: LoadedRelease): Fields {
  const known = contextFields.get(release)
  if (known) return known
  const { policy } = release.policy
  const features = [...release.models.values()].flatMap((model) =>
    'features' in model ? model.features.map(({ from }) => from) : [],
  )
  const texts = Object.values(policy.placements).flatMap((placement) =>
    'text' in placement && placement.text ? [placement.text] : [],
  )
  const read = [...features, ...texts]
    .filter((from) => from.startsWith('context.'))
    .map((from) => from.slice('context.'.length))
  const found = fields([...Object.keys(policy.context), ...read, 'timezone'])
  contextFields.set(release, found)
  return found
}
