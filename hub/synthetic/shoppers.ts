import { admit, refund } from './arrivals.ts'
import { demandOf } from './demand.ts'
import { type Emission, sentAgain } from './emission.ts'
import type { Floor } from './floor.ts'
import { dueQueue } from './queue.ts'
import { seededRandom } from './random.ts'
import {
  type Behaviour,
  type Dirt,
  type Limits,
  type Settings,
  usualBehaviour,
  usualDirt,
  usualLimits,
} from './settings.ts'
import type { Shop } from './shop.ts'
import { visitorPool } from './visitors.ts'

export interface Simulation {
  readonly shop: Shop
  readonly seed: number
  readonly startAtMs: number
  /** The mean over a day; the hours differ by `dayWaveDepth`. */
  readonly visitorsPerHour?: number
  /** Below 1 shortens what passes within a visit; days stay days. */
  readonly timeScale?: number
  readonly behaviour?: Partial<Behaviour>
  readonly dirt?: Partial<Dirt>
  readonly limits?: Partial<Limits>
}

/** The simulation, and what it holds at the moment, for whoever checks the bounds. */
export interface ShopFloor {
  next(): Emission
  held(): { readonly emissions: number; readonly refunds: number; readonly visitors: number }
}

const hourMs = 3_600_000
const duplicateAfterSigma = 1

/**
 * An endless stream of a shop's traffic in order of `sendAtMs`; the same arguments give the same stream.
 * @example for (const { kind, body } of simulate({ shop, seed: 1, startAtMs })) await post(`/v1/${kind}`, body)
 */
export function* simulate(simulation: Simulation): Generator<Emission, never> {
  const floor = openShopFloor(simulation)
  for (;;) yield floor.next()
}

export function openShopFloor(simulation: Simulation): ShopFloor {
  const floor = emptyFloor(simulation)
  return {
    next: () => nextEmission(floor),
    held: () => ({
      emissions: floor.outbox.size(),
      refunds: floor.refunds.size(),
      visitors: floor.pool.size(),
    }),
  }
}

function emptyFloor({ shop, seed, startAtMs, visitorsPerHour = 120, ...rest }: Simulation): Floor {
  if (!(visitorsPerHour > 0)) throw new RangeError('visitorsPerHour must be above 0')
  const settings = settingsOf(rest)
  const random = seededRandom(seed)
  const demand = demandOf(shop, settings.behaviour.followTruthShare, random)
  return {
    world: { shop, demand, settings, random },
    pool: visitorPool(shop.categories.length, settings, random),
    outbox: dueQueue(),
    refunds: dueQueue(),
    gapMsMean: hourMs / visitorsPerHour,
    arrivalAtMs: startAtMs,
    visits: 0,
    sent: 0,
  }
}

function settingsOf({
  timeScale = 1,
  ...parts
}: Pick<Simulation, 'timeScale' | 'behaviour' | 'dirt' | 'limits'>): Settings {
  if (!(timeScale > 0 && timeScale <= 1)) throw new RangeError('timeScale must be above 0, up to 1')
  const behaviour = { ...usualBehaviour, ...parts.behaviour }
  const dirt = { ...usualDirt, ...parts.dirt }
  return { behaviour, dirt, limits: { ...usualLimits, ...parts.limits }, timeScale }
}

/** Whatever is due first happens first: something is sent, an order comes back, somebody arrives. */
function nextEmission(floor: Floor): Emission {
  for (;;) {
    const sendAtMs = floor.outbox.nextAtMs()
    const refundAtMs = floor.refunds.nextAtMs()
    if (sendAtMs <= refundAtMs && sendAtMs <= floor.arrivalAtMs) return send(floor)
    if (refundAtMs <= floor.arrivalAtMs) refund(floor, refundAtMs)
    else admit(floor, floor.arrivalAtMs)
  }
}

function send(floor: Floor): Emission {
  const planned = floor.outbox.take()
  const truth = { ...planned.truth, sequence: floor.sent++ }
  const emission = { ...planned, truth }
  if (!truth.duplicateOf) mayRepeat(floor, emission)
  return emission
}

/** A retry of the SDK: the same events, and the truth says there is nothing new in them. */
function mayRepeat({ world, outbox }: Floor, emission: Emission): void {
  const { dirt, limits, timeScale } = world.settings
  if (outbox.size() >= limits.emissionsHeldMax || !world.random.chance(dirt.duplicateShare)) return
  const waitMs = world.random.logNormal(dirt.duplicateAfterMsMedian, duplicateAfterSigma)
  const afterMs = Math.ceil(Math.min(limits.duplicateAfterMsMax, waitMs) * timeScale)
  const duplicateOf = { sequence: emission.truth.sequence, sendAtMs: emission.sendAtMs }
  const again = sentAgain(emission, emission.sendAtMs + afterMs)
  outbox.put(again.sendAtMs, { ...again, truth: { ...again.truth, duplicateOf, uniqueEvents: 0 } })
}
