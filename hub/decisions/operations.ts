import type { Environment } from '../environment.ts'
import { Turns } from '../store/turns.ts'
import { findDecision } from './find-decision.ts'
import { replayDecision } from './replay.ts'

const replaysWaitingMax = 100

/** What operators ask of one decision. Replays take turns: each has the models of a release in memory. */
export function decisionOperations({ store, registry, blobs }: Environment) {
  const turns = new Turns(1, replaysWaitingMax)
  return {
    /** What it was made from, by which release, and which rules did something. */
    show: async (site: string, id: string) => {
      const decision = await findDecision(site, id, store)
      const { release } = decision
      const made =
        release && (await registry.releases(site, 1_000)).find((each) => each.digest === release)
      const { createdAt, createdBy } = made || { createdAt: null, createdBy: null }
      return {
        ...{ ...decision, at: new Date(decision.at).toISOString() },
        release: release === null ? null : { digest: release, createdAt, createdBy },
      }
    },
    replay: async (site: string, id: string) => {
      const decision = await findDecision(site, id, store)
      const { decisionId, release, placement } = decision
      return {
        decisionId,
        release,
        placement,
        ...(await turns.run(() => replayDecision(decision, blobs))),
      }
    },
  }
}
