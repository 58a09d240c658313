import { tellGiven } from '#shared/given.ts'
import { mistypedOf } from '#shared/policy/context.ts'
import { timeZoneOf } from '#shared/policy/time.ts'
import type { Policy } from '#shared/policy.ts'
import type { LoadedRelease } from '../releases/load.ts'
import { type Fields, fields, type RawObject, warnOfNames } from './names.ts'
import type { Warnings } from './warnings.ts'

/** What a question tells in its context: rules see what is declared and of its type, models what they name. */
export function warnOfContext(
  context: RawObject,
  release: LoadedRelease,
  warnings: Warnings,
): void {
  const { policy } = release.policy
  warnOfNames(context, contextFieldsOf(release), 'context.', warnings, () =>
    Object.keys(policy.context).length === 0
      ? 'is read by nothing: the policy declares no context'
      : 'is read by nothing: the policy does not declare it',
  )
  warnOfContextTypes(context, policy, warnings)
}

/** What a policy declares of a context and finds there of another type; names that it does not declare are let pass. */
export function warnOfContextTypes(context: RawObject, policy: Policy, warnings: Warnings): void {
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

const contextFields = new WeakMap<LoadedRelease, Fields>()

/** What a release reads of a context: declared by its policy, or named by a model, one to come or a placement's `text`. */
function contextFieldsOf(release: LoadedRelease): Fields {
  const known = contextFields.get(release)
  if (known) return known
  const { policy } = release.policy
  const features = release.features.map(({ from }) => from)
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
