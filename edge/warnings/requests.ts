import { didSpell } from '#shared/did-you-mean.ts'
import type { ShelfEvent } from '#shared/event.ts'
import type { Question } from '../question.ts'
import type { LoadedRelease } from '../releases/load.ts'
import { warnOfContext } from './context.ts'
import { eventFields, readProperties, warnOfDeclared, warnOfEvents } from './events.ts'
import { envelope, fields, type RawObject, warnOfNames } from './names.ts'
import { Warnings } from './warnings.ts'

/** A request as it came: its body, the events of it, and which of them were refused. */
interface Read {
  readonly body: RawObject
  readonly raw: readonly unknown[]
  readonly rejected: readonly { readonly index: number }[]
}

const asked = ['placement', 'anonymousId', 'userId', 'limit', 'writeKey']
const batchFields = fields(['batch', 'writeKey', 'sentAt'], envelope)
const questionFields = fields([...asked, 'context', 'events'], ['sentAt', 'integrations'])
const queryFields = fields(asked)

/** Of a request for a list of events. */
export function warnOfBatch({ body, raw, rejected }: Read): Warnings {
  const warnings = new Warnings()
  warnOfNames(body, batchFields, '', warnings, () => 'is no field of a batch')
  warnOfEvents(raw, rejected, 'batch', warnings)
  return warnings
}

/** Of a request whose body is one event. */
export function warnOfCall({ raw, rejected }: Omit<Read, 'body'>): Warnings {
  const warnings = new Warnings()
  warnOfEvents(raw, rejected, null, warnings)
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
