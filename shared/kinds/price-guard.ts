/** What keeps a price within bounds. Money is counted in whole ten-thousandths, so that nothing is lost in adding. */
const unitsPerOne = 10_000

export interface PriceGuards {
  readonly floor: number
  readonly ceiling: number
  readonly step: number
  readonly change?: { readonly shareMax: number; readonly perMs: number } | undefined
}

/** A visitor's last price, when it was given and what time it is now, epoch ms. */
export interface LastPrice {
  readonly price: number
  readonly at: number
  readonly now: number
}

export type Rail = 'floor' | 'ceiling' | 'step' | 'change'

export function isMoney(amount: number): boolean {
  return unitsOf(amount) / unitsPerOne === amount
}

/** The lowest and highest price in units; null where no multiple of the step lies between them. */
export function stepsWithin({ floor, ceiling, step }: PriceGuards) {
  const size = unitsOf(step)
  const low = Math.ceil(unitsOf(floor) / size) * size
  const high = Math.floor(unitsOf(ceiling) / size) * size
  return low <= high ? { low, high, size } : null
}

/** The nearest price that the rails allow, and the rail that moved it; null where none did. */
export function guarded(wanted: number, guards: PriceGuards, last?: LastPrice) {
  const within = stepsWithin(guards)
  if (within === null) throw new RangeError('no price lies between floor and ceiling')
  // Bounded before it is counted in units, which a number of any size could not be.
  const units = unitsOf(Math.max(guards.floor, Math.min(guards.ceiling, wanted)))
  const free = nearest(units, within)
  const allowed = last && guards.change ? around(last, guards.change, within) : within
  const held = Math.max(allowed.low, Math.min(allowed.high, free))
  const price = held / unitsPerOne
  return { price, rail: railOf(wanted, price, held !== free, guards) }
}

function railOf(wanted: number, price: number, isHeld: boolean, guards: PriceGuards): Rail | null {
  if (price === wanted) return null
  if (isHeld) return 'change'
  if (wanted < guards.floor) return 'floor'
  return wanted > guards.ceiling ? 'ceiling' : 'step'
}

type Within = NonNullable<ReturnType<typeof stepsWithin>>

/** What may follow a price. One that another policy gave may be off the rails: then what is nearest to it. */
function around(last: LastPrice, change: NonNullable<PriceGuards['change']>, within: Within) {
  const { low, high, size } = within
  const from = unitsOf(last.price)
  const elapsedMs = Math.max(0, last.now - last.at)
  const most = Math.floor(from * change.shareMax * (elapsedMs / change.perMs))
  const bounds = {
    low: Math.max(low, Math.ceil((from - most) / size) * size),
    high: Math.min(high, Math.floor((from + most) / size) * size),
  }
  if (bounds.low <= bounds.high) return bounds
  const next = nearest(from, within)
  return { low: next, high: next }
}

function nearest(units: number, { low, high, size }: Within): number {
  return Math.max(low, Math.min(high, Math.round(units / size) * size))
}

function unitsOf(amount: number): number {
  return Math.round(amount * unitsPerOne)
}
