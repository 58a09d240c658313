import type { ScoredItem } from '#shared/decide.ts'
import { sha256Hex } from '#shared/digest.ts'
import { featuresStored } from '#shared/learning.ts'
import { OpeningTookTooLong } from '#shared/onnx-session.ts'
import { type CompiledPolicy, compilePolicy, PolicyError } from '#shared/policy/compile.ts'
import { RuleItem } from '#shared/policy/facts.ts'
import { type ReleaseParts, unpackRelease } from '#shared/release.ts'
import { verifyRelease } from '#shared/signature.ts'
import type { Feature } from '#shared/tabular/feature.ts'
import { reasonOf } from '../log.ts'
import { type LoadedModel, loadModels } from './load-models.ts'
import { ReleaseRefused, ReleaseTookTooLong } from './refused.ts'
import type { ReleasePointer } from './shelf.ts'

/** A release ready to decide by: immutable, so a request that holds one cannot see another. */
export interface LoadedRelease {
  readonly digest: string
  /** Of the ZIP file, which is most of what it holds in memory. */
  readonly bytesTotal: number
  readonly policy: CompiledPolicy
  readonly popularity: readonly ScoredItem[]
  /** By the names that placements call them. */
  readonly models: ReadonlyMap<string, LoadedModel>
  /** What its models read, and what the next one is to learn from. */
  readonly features: readonly Feature[]
  /** Whether any of it is what the store knows of a visitor. */
  readonly readsProfiles: boolean
  numberOf(item: string): number | undefined
  item(id: string): RuleItem | undefined
  dispose(): Promise<void>
}

/** `loadRelease` by the key of this POP's hub. */
export type Loader = (
  site: string,
  pointer: ReleasePointer,
  bytes: Uint8Array<ArrayBuffer>,
) => Promise<LoadedRelease>

/**
 * Verifies, unpacks and loads a release: digest, then signature, then every part, then the models.
 * Throws ReleaseRefused or ReleaseError, and ReleaseTookTooLong where another try may help; whatever was live
 * before is untouched.
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
  await verifyPointer(site, pointer, publicKey)
  const parts = unpackRelease(bytes)
  if (parts.manifest.site !== site) {
    throw new ReleaseRefused('release_site_mismatch', 'the release was made for another site')
  }
  const numbers = new Map(parts.catalogue.items.map((item, number) => [item.id, number]))
  const ruleItems = parts.catalogue.items.map((facts, number) => new RuleItem(facts, number))
  const policy = loadPolicy(parts)
  const models = await loadEveryModel(parts)
  const features = featuresOf(parts)
  return {
    digest: pointer.digest,
    bytesTotal: bytes.length,
    policy,
    popularity: parts.popularity,
    models,
    features,
    readsProfiles: features.some(({ from }) => from.startsWith('profile.')),
    numberOf: (item) => numbers.get(item),
    item: (id) => ruleItems[numbers.get(id) ?? -1],
    dispose: async () => {
      for (const model of models.values()) await model.dispose()
    },
  }
}

/** Throws ReleaseRefused where the hub has not signed this release for this site. */
export async function verifyPointer(
  site: string,
  pointer: ReleasePointer,
  publicKey: CryptoKey,
): Promise<void> {
  if (await verifyRelease(publicKey, { site, ...pointer })) return
  throw new ReleaseRefused('release_signature_invalid', "the signature is not the hub's")
}

function featuresOf({ manifest, policy }: ReleaseParts): Feature[] {
  const ofModels = Object.values(manifest.models).flatMap((model) =>
    'features' in model ? model.features : [],
  )
  return [...ofModels, ...featuresStored(policy.models)]
}

function loadPolicy({ policy, catalogue }: ReleaseParts): CompiledPolicy {
  try {
    return compilePolicy(policy, catalogue.items)
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause
    throw new ReleaseRefused('policy_invalid', cause.message)
  }
}

async function loadEveryModel(parts: ReleaseParts): Promise<ReadonlyMap<string, LoadedModel>> {
  try {
    return await loadModels(parts)
  } catch (cause) {
    const reason = reasonOf(cause)
    if (cause instanceof Error && cause.cause instanceof OpeningTookTooLong) {
      throw new ReleaseTookTooLong(reason)
    }
    throw new ReleaseRefused('model_unloadable', reason)
  }
}
