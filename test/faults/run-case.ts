import { setTimeout as wait } from 'node:timers/promises'
import { seededRandom } from '#hub/synthetic/random.ts'
import { type Audit, areAllStored, audit } from './audit.ts'
import { Crowd, type Sent } from './crowd.ts'
import type { FaultCase, Scene, Stage } from './fault-case.ts'
import { makeWorld, site, type World, writeKey } from './world.ts'

export interface CaseResult extends Audit {
  readonly name: string
  readonly seed: number
  /** From the end of the fault, or of the crowd where that is later, to the last event being stored. */
  readonly recoverySeconds: number
  readonly resent: number
  readonly throttled: number
  /** What else did not hold, as a sentence; null where everything did. */
  readonly failure: string | null
}

export interface RunOptions {
  readonly seeds: readonly number[]
  readonly events: number
  readonly isShort: boolean
  readonly say: (sentence: string) => void
}

const visitorsDefault = 40
const recoveryTimeMaxMs = 180_000
const askAgainMs = 100

/**
 * Runs one case with every seed in one world. A seed that does not add up does not spare the next; a fault
 * that could not be brought about ends the case, for nobody knows what it left of the world.
 */
export async function runCase(fault: FaultCase, options: RunOptions): Promise<CaseResult[]> {
  const scene = await fault.set()
  try {
    const world = await makeWorld(scene.options)
    try {
      const results: CaseResult[] = []
      for (const seed of options.seeds) {
        const { result, isOver } = await runSeed(fault, scene, world, seed, options)
        results.push(result)
        if (isOver) break
      }
      return results
    } finally {
      await world.remove()
    }
  } finally {
    await scene.remove?.()
  }
}

async function runSeed(
  fault: FaultCase,
  scene: Scene,
  world: World,
  seed: number,
  options: RunOptions,
): Promise<{ result: CaseResult; isOver: boolean }> {
  const crowd = new Crowd({
    ...{ seed, events: options.events, visitors: visitorsDefault },
    ...fault.crowd,
    ...{ popUrl: world.popUrl, writeKey },
  })
  const stage = { world, crowd, random: seededRandom(seed), isShort: options.isShort }
  const failure = await endure(scene, stage)
  const of = { name: fault.name, seed, ...crowd.counts }
  if (failure !== null) {
    const result = { ...of, ...nothingOf(crowd.sent), recoverySeconds: 0, failure }
    return { result, isOver: true }
  }
  const endedAt = performance.now()
  await untilStored(stage)
  const recoverySeconds = (performance.now() - endedAt) / 1_000
  const counted = await countAll(scene, stage)
  return { result: { ...of, ...counted, recoverySeconds }, isOver: false }
}

async function countAll(scene: Scene, stage: Stage): Promise<Audit & { failure: string | null }> {
  const { sent } = stage.crowd
  try {
    const counted = await audit(stage.world.query, site, sent)
    return { ...counted, failure: await sentenceOf(scene.after?.(stage)) }
  } catch (cause) {
    return { ...nothingOf(sent), failure: `nothing could be counted: ${String(cause)}` }
  }
}

/** Of a crowd that was not counted: nothing is known to be stored. */
function nothingOf({ events: sent }: Sent): Audit {
  const none = { stored: 0, duplicated: 0, outOfOrder: 0, refused: 0, folded: 0 }
  return { sent, lost: sent, missing: [], ...none }
}

/** The crowd and the fault, side by side; answers what went wrong in either. */
async function endure(scene: Scene, { crowd, ...rest }: Stage): Promise<string | null> {
  const sending = sentenceOf(crowd.run())
  const failure = await sentenceOf(scene.fault({ crowd, ...rest }))
  if (failure) crowd.stop()
  else crowd.release()
  return failure ?? (await sending)
}

async function untilStored({ world, crowd }: Stage): Promise<void> {
  const giveUpAt = performance.now() + recoveryTimeMaxMs
  while (performance.now() < giveUpAt) {
    if (await areAllStored(world.query, site, crowd.sent).catch(() => false)) return
    await wait(askAgainMs)
  }
}

async function sentenceOf(work: Promise<void> | undefined): Promise<string | null> {
  try {
    await work
    return null
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause)
  }
}
