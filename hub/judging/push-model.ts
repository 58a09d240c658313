import { createHash } from 'node:crypto'
import type { Environment } from '../environment.ts'
import { liveRelease } from '../publishing/live-release.ts'
import { makeReady } from '../publishing/tags.ts'
import { challenge } from './challenge.ts'
import { composeRelease } from './compose-release.ts'
import { contractOf, type Declaration, recordOf } from './declaration.ts'
import { examineModel } from './examine.ts'

export interface Push {
  readonly site: string
  readonly name: string
  readonly declared: Declaration
  readonly model: Uint8Array
  readonly by: string
  readonly why: string
  /** To be tried even where there is too little to compare it by; where there is enough it is compared all the same. */
  readonly withoutComparison: boolean
}

/** What became of a push; a refusal is an answer, with a code and a sentence. */
export interface Pushed {
  readonly name: string
  readonly version: number
  readonly digest: string
  readonly accepted: boolean
  readonly code: string | null
  readonly reason: string
  /** Whether that rests on a comparison with what is live; else nobody knows whether the model is better or worse. */
  readonly compared: boolean
  /** The release to canary or promote; null where the model was refused. */
  readonly release: string | null
  /** At how many POPs that release is loaded and waits to be canaried or promoted. */
  readonly readyPops: number
  readonly figures: Readonly<Record<string, number>>
}

interface Verdict {
  /** What was judged last: the file alone, how well it recommends beside what is live, or the release. */
  readonly what: 'file' | 'quality' | 'release'
  readonly code: string | null
  readonly reason: string
  readonly figures: Readonly<Record<string, number>>
  readonly release: string | null
}

/**
 * The life of a pushed model: record → examine → challenge → compose → make ready. Nothing of it answers a visitor;
 * what is refused is kept as a row, and of its bytes nothing.
 */
export async function pushModel(push: Push, environment: Environment): Promise<Pushed> {
  const { site, name, declared, model, by, why } = push
  const { registry, now } = environment
  const digest = createHash('sha256').update(model).digest('hex')
  const version = await registry.addModel({
    ...{ site, name, digest, by, why, bytesTotal: model.length, at: new Date(now()) },
    declaration: recordOf(declared),
  })
  const conclude = async (verdict: Verdict): Promise<Pushed> => {
    const accepted = verdict.code === null
    await registry.addModelJudgement({
      ...{ site, name, version, at: new Date(now()), passed: accepted },
      ...verdict,
    })
    const { code, reason, release, figures } = verdict
    const mover = { site, by, why: `${name} ${version} was judged: ${reason}` }
    const readyPops = release === null ? 0 : await makeReady(release, mover, environment)
    const compared = verdict.what === 'quality'
    return { name, version, digest, accepted, code, reason, compared, release, readyPops, figures }
  }
  const examined = await examineModel(model, contractOf(declared))
  if (!examined.ok) {
    const { code, detail: reason } = examined.refusal
    return conclude({ what: 'file', code, reason, figures: {}, release: null })
  }
  const live = await liveRelease(site, environment)
  const compared =
    declared.family === 'sequence'
      ? await challenge(site, model, declared, live, environment)
      : null
  const figures = { ...examined.figures, ...compared?.figures }
  const isTooLittle = compared !== null && !compared.compared
  if (isTooLittle && !push.withoutComparison) {
    const reason = `${compared.reason}; push it again when more visitors have come, or without a comparison`
    return conclude({ what: 'file', code: 'too_few_to_compare', reason, figures, release: null })
  }
  if (compared?.compared && !compared.passed) {
    const { reason } = compared
    return conclude({ what: 'quality', code: 'worse_than_live', reason, figures, release: null })
  }
  const composed = await composeRelease({ site, name, version, declared, model }, live, environment)
  if (!composed.ok) {
    const { reason } = composed
    return conclude({ what: 'release', code: 'no_release', reason, figures, release: null })
  }
  const { release, manifest } = composed
  await environment.blobs.put(model)
  await environment.blobs.put(release.bytes)
  await registry.addRelease({
    ...{ digest: release.digest, site, createdAt: new Date(now()), createdBy: by, manifest },
    bytesTotal: release.bytes.length,
  })
  const reason = isTooLittle
    ? `it keeps what it promises, and was to be tried without a comparison: ${compared.reason}`
    : (compared?.reason ?? 'it keeps what it promises; there is nothing to compare it with')
  const what = compared?.compared ? 'quality' : 'file'
  return conclude({ what, code: null, reason, figures, release: release.digest })
}
