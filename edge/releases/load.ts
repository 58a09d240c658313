import type { Fallback } from '#shared/contract.ts'
import type { ScoredItem } from '#shared/decide.ts'
import { sha256Hex } from '#shared/digest.ts'
import { type CompiledPolicy, compilePolicy, PolicyError } from '#shared/policy/compile.ts'
import { RuleItem } from '#shared/policy/facts.ts'
import { type Manifest, type ReleaseParts, unpackRelease } from '#shared/release.ts'
import { verifyRelease } from '#shared/signature.ts'
import type { Scorer } from '../inference/scorer.ts'
import { typescriptScorer } from '../inference/typescript.ts'
import { wasmScorer } from '../inference/wasm.ts'
import { log, reasonOf } from '../log.ts'
import type { ReleasePointer } from './shelf.ts'

/** A release ready to decide by: immutable, so a request that holds one cannot see another. */
export interface LoadedRelease {
  readonly digest: string
  readonly policy: CompiledPolicy
  readonly popularity: readonly ScoredItem[]
  readonly itemsMax: number
  numberOf(item: string): number | undefined
  item(id: string): RuleItem | undefined
  score(items: Int32Array): Promise<Scored>
  dispose(): Promise<void>
}

export interface Scored {
  readonly candidates: readonly ScoredItem[]
  readonly fallback: Extract<Fallback, 'scorer_typescript' | 'model_failed'> | null
}

export type ReleaseRefusal =
  | 'release_digest_mismatch'
  | 'release_signature_invalid'
  | 'release_site_mismatch'
  | 'model_unloadable'
  | 'policy_invalid'

export class ReleaseRefused extends Error {
  override readonly name = 'ReleaseRefused'
  readonly code: ReleaseRefusal

  constructor(code: ReleaseRefusal, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * Verifies, unpacks and loads a release: digest, then signature, then every part, then the model.
 * Throws ReleaseRefused or ReleaseError; whatever was live before is untouched.
 */
export async function loadRelease(
  site: string,
  pointer: ReleasePointer,
  bytes: Uint8Array<ArrayBuffer>,
  publicKey: CryptoKey,
): Promise<LoadedRelease> {
  if ((await sha256Hex(bytes)) !== pointer.digest) {
    throw new ReleaseRefused('release_digest_mismatch', 'the bytes are not what the digest names')
  }
  if (!(await verifyRelease(publicKey, { site, ...pointer }))) {
    throw new ReleaseRefused('release_signature_invalid', "the signature is not the hub's")
  }
  const parts = unpackRelease(bytes)
  if (parts.manifest.site !== site) {
    throw new ReleaseRefused('release_site_mismatch', 'the release was made for another site')
  }
  const numbers = new Map(parts.catalogue.items.map((item, number) => [item.id, number]))
  const itemIds = parts.catalogue.items.map((item) => item.id)
  const ruleItems = parts.catalogue.items.map((facts, number) => new RuleItem(facts, number))
  const policy = loadPolicy(parts)
  const scorer = await loadScorer(parts.model, parts.manifest)
  return {
    digest: pointer.digest,
    policy,
    popularity: parts.popularity,
    itemsMax: parts.manifest.model.itemsMax,
    numberOf: (item) => numbers.get(item),
    item: (id) => ruleItems[numbers.get(id) ?? -1],
    score: scoring(itemIds, scorer, parts.model),
    dispose: () => scorer.dispose(),
  }
}

function loadPolicy({ policy, catalogue }: ReleaseParts): CompiledPolicy {
  try {
    return compilePolicy(policy, catalogue.items)
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause
    throw new ReleaseRefused('policy_invalid', cause.message)
  }
}

async function loadScorer(model: Uint8Array, manifest: Manifest): Promise<Scorer> {
  try {
    const scorer = await wasmScorer(model, manifest.model)
    // A model that loads may still fail when it runs: one run before it is believed.
    await scorer.score(Int32Array.of(0))
    return scorer
  } catch (cause) {
    throw new ReleaseRefused('model_unloadable', `the model cannot be loaded: ${reasonOf(cause)}`)
  }
}

/** Scores in WebAssembly; where that fails in TypeScript, whose index is built once, when it is needed. */
function scoring(itemIds: readonly string[], scorer: Scorer, model: Uint8Array) {
  let second: Scorer | undefined
  return async (items: Int32Array): Promise<Scored> => {
    try {
      return { candidates: named(await scorer.score(items), itemIds), fallback: null }
    } catch (cause) {
      log('error', 'the model failed in WebAssembly', { reason: reasonOf(cause) })
    }
    try {
      second ??= typescriptScorer(model)
      const candidates = named(await second.score(items), itemIds)
      return { candidates, fallback: 'scorer_typescript' }
    } catch (cause) {
      log('error', 'the model failed in TypeScript', { reason: reasonOf(cause) })
      return { candidates: [], fallback: 'model_failed' }
    }
  }
}

function named(
  scored: { readonly items: Int32Array; readonly scores: Float32Array },
  itemIds: readonly string[],
): ScoredItem[] {
  return Array.from(scored.items, (number, index) => ({
    id: itemIds[number] as string,
    score: scored.scores[index] as number,
  })).filter((item) => item.id !== undefined)
}
