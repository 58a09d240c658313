import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from '../environment.ts'
import { RegistryError, type TagMove } from '../registry/registry.ts'

/** What answers visitors, and what answers a part of them on trial. */
export const liveTag = 'live'
export const canaryTag = 'canary'
/** What was pushed and judged last: loaded at the POPs and waiting, until a tag moves to it or past it. */
export const candidateTag = 'candidate'

/** Who moves a tag of a site, and why: kept for ever. */
export interface Mover {
  readonly site: string
  readonly by: string
  readonly why: string
}

export interface Moved extends TagMove {
  /** What the tag was on before. */
  readonly before: string | null
}

/** Makes a release live; a canary of it has succeeded and ends. Resolves when every POP has answered or failed. */
export async function promote(
  digest: string,
  mover: Mover,
  environment: Environment,
): Promise<Moved> {
  const moved = await move(liveTag, digest, null, mover, environment)
  const canary = await environment.registry.lastMove(mover.site, canaryTag)
  if (canary?.digest === digest && canary.share !== 0) {
    await move(canaryTag, digest, 0, { ...mover, why: 'promoted' }, environment)
  }
  await environment.publisher.pushNow()
  return moved
}

/** Has every POP make a release ready. Resolves when each has, or has failed; says how many have. */
export async function makeReady(
  digest: string,
  mover: Mover,
  environment: Environment,
): Promise<number> {
  await move(candidateTag, digest, null, mover, environment)
  await environment.publisher.pushNow()
  return environment.publisher.readyAt(mover.site, digest)
}

/** Lets a release answer a part of the visitors; a share of 0 ends it. */
export async function canary(
  digest: string,
  share: number,
  mover: Mover,
  environment: Environment,
): Promise<Moved> {
  if (!(share >= 0 && share <= 1)) {
    throw new RequestRefused(400, 'share_invalid', 'the share of a canary is from 0 to 1')
  }
  const live = await environment.registry.tag(mover.site, liveTag)
  if (live === null) {
    throw new RequestRefused(409, 'nothing_live', 'a canary needs a live release beside it')
  }
  if (live === digest) {
    throw new RequestRefused(409, 'already_live', 'this release answers everybody already')
  }
  const moved = await move(canaryTag, digest, share, mover, environment)
  await environment.publisher.pushNow()
  return moved
}

/** Makes live what was live before; every POP has it still. */
export async function rollback(mover: Mover, environment: Environment): Promise<Moved> {
  const before = await environment.registry.tagBefore(mover.site, liveTag)
  if (before === null) {
    throw new RequestRefused(409, 'nothing_before', 'nothing else was live before')
  }
  return promote(before, mover, environment)
}

/** The newest releases of a site, each with the tag it has now. */
export async function listReleases(site: string, max: number, environment: Environment) {
  const { live, canary } = await wasLive(site, new Date(environment.now()), environment)
  const tags = new Map([
    [canary?.digest, canaryTag],
    [live?.digest, liveTag],
  ])
  const releases = await environment.registry.releases(site, max)
  return releases.map((release) => ({ ...release, tag: tags.get(release.digest) ?? null }))
}

/** What was live at a time, and which canary ran, by whom and why. */
export async function wasLive(site: string, at: Date, { registry }: Environment) {
  const canary = await registry.moveAt(site, canaryTag, at)
  return {
    at,
    live: await registry.moveAt(site, liveTag, at),
    canary: canary?.share ? canary : null,
  }
}

async function move(
  tag: string,
  digest: string,
  share: number | null,
  { site, by, why }: Mover,
  { registry, now }: Environment,
): Promise<Moved> {
  const before = await registry.tag(site, tag)
  const made = { site, tag, digest, share, at: new Date(now()), by, why }
  try {
    await registry.moveTag(made)
  } catch (cause) {
    if (!(cause instanceof RegistryError && cause.code === 'unknown-release')) throw cause
    throw new RequestRefused(404, 'unknown_release', cause.message)
  }
  return { ...made, before }
}
