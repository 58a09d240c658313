import * as v from 'valibot'
import { alert } from './alert.ts'
import { items } from './items.ts'
import type { Compiler, Deciding, Kind } from './kind.ts'
import { offer } from './offer.ts'
import { price } from './price.ts'
import { segment } from './segment.ts'
import { verdict } from './verdict.ts'

/** Every kind of answer: a new one is a file of its own and a line here. */
const kinds = { items, offer, price, verdict, alert, segment } as const

type KindName = keyof typeof kinds
type PlacementOf<Name extends KindName> =
  (typeof kinds)[Name] extends Kind<infer Placement> ? Placement : never
/** A placement: a named decision point, with its kind of answer, its model and its rules. */
export type Placement = { [Name in KindName]: PlacementOf<Name> }[KindName]

export const kindNames = Object.keys(kinds) as readonly KindName[]

export const placementSchema = v.variant(
  'kind',
  Object.values(kinds).map(({ schema }) => schema) as never,
) as unknown as v.GenericSchema<unknown, Placement>

/** Makes a placement ready to decide. */
export function compilePlacement(placement: Placement, compiler: Compiler): Deciding {
  return (kinds[placement.kind] as Kind<Placement>).compile(placement, compiler)
}
