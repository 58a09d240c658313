import type { Environment } from '../environment.ts'
import type { TrainingClaim } from '../registry/registry.ts'

/** A hub that says nothing for so long is taken for dead, and another may train the site. */
const leaseMs = 30_000
const renewMs = 10_000

/** The right to train a site, renewed until it is ended. */
export interface HeldClaim {
  readonly claim: TrainingClaim
  /** False where this hub was silent for so long that another has taken the site over. */
  isHeld(): Promise<boolean>
  /** Leaves the site to others; `trainedAt` is when a training began that had enough to learn from. Never rejects. */
  end(trainedAt: Date | null): Promise<void>
}

/** Null where another hub trains the site, or where one has since `trainedBefore`. Throws where the registry is away. */
export async function claimSite(
  site: string,
  trainedBefore: Date | null,
  { registry, logger }: Environment,
): Promise<HeldClaim | null> {
  const claim = await registry.claimTraining({ site, leaseMs, trainedBefore })
  if (claim === null) return null
  const failed = (cause: unknown) => {
    logger.warn({ site, reason: String(cause) }, 'the claim of a training was not kept up')
  }
  const renew = () => registry.renewClaim(claim, leaseMs)
  const timer = setInterval(() => void renew().catch(failed), renewMs)
  return {
    claim,
    isHeld: renew,
    async end(trainedAt) {
      clearInterval(timer)
      await registry.endClaim(claim, trainedAt).catch(failed)
    },
  }
}
