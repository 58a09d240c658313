import type { Random } from '#hub/synthetic/random.ts'
import type { Crowd, CrowdOptions } from './crowd.ts'
import type { World, WorldOptions } from './world.ts'

/** What a fault has in hand while a crowd is sending. */
export interface Stage {
  readonly world: World
  readonly crowd: Crowd
  readonly random: Random
  /** True in the short form of a run, where an outage lasts seconds and not minutes. */
  readonly isShort: boolean
}

/** A case made ready: the world it needs, and the fault. */
export interface Scene {
  readonly options?: WorldOptions
  /** Brings the fault about in the middle of a crowd; resolves when it is over. Once for every seed. */
  readonly fault: (stage: Stage) => Promise<void>
  /** What has to hold beside the events when all of them are stored; throws a sentence where it does not. */
  readonly after?: (stage: Stage) => Promise<void>
  readonly remove?: () => Promise<void>
}

/** One kind of fault. */
export interface FaultCase {
  readonly name: string
  /** What happens, as a sentence for whoever reads the table. */
  readonly what: string
  /** Runs with every change; the others take longer or need more than Node. */
  readonly isQuick?: boolean
  /** Why it cannot be tried on this machine, as a sentence; null where it can. */
  readonly missing?: () => Promise<string | null>
  readonly crowd?: Partial<
    Pick<
      CrowdOptions,
      'visitors' | 'repeated' | 'bad' | 'skewMsMax' | 'lateMsMax' | 'paddingCharacters'
    >
  >
  readonly set: () => Scene | Promise<Scene>
}
