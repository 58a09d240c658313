import { askedStreams } from '#models/anomaly/model.ts'
import type { Manifest, PackedRelease, ReleaseParts } from '#shared/release.ts'
import { missingModel, packRelease, ReleaseError } from '#shared/release.ts'
import type { Environment } from '../environment.ts'
import { readPolicy } from '../policies/read-policy.ts'
import { askedTexts } from '../training/sentiment/shipped.ts'
import { type Declaration, modelOf } from './declaration.ts'
import { protectedFeature } from './protected-feature.ts'

const popularityMax = 100

/** A release with a pushed model in it, or why there can be none. */
export type Composed =
  | { readonly ok: true; readonly release: PackedRelease; readonly manifest: Manifest }
  | { readonly ok: false; readonly reason: string }

export interface Pushed {
  readonly site: string
  readonly name: string
  readonly version: number
  readonly declared: Declaration
  readonly model: Uint8Array
}

/**
 * Makes a release of what is live, with the pushed model under its name and today's policy. A model that names
 * items brings its own numbers, and the catalogue takes them; other such models of the release know other
 * numbers and are left behind.
 */
export async function composeRelease(
  pushed: Pushed,
  live: ReleaseParts | null,
  environment: Environment,
): Promise<Composed> {
  const { site, name, version, declared, model } = pushed
  const checked = await readPolicy(environment.config.policyDir, site)
  if (!checked.ok) return checked
  if (Object.hasOwn(checked.policy.models ?? {}, name)) {
    const reason = `policy.models has ${name}: the hub learns it; push under a name of your own`
    return { ok: false, reason }
  }
  // A stream has no file, and sentiment comes with the hub: they are there where today's policy asks for them.
  const kept = Object.entries(live?.manifest.models ?? {}).filter(
    ([other, { family }]) =>
      other !== name &&
      !['stream', 'text'].includes(family) &&
      (declared.family === 'tabular' || ['tabular', 'forecast'].includes(family)),
  )
  const texts = askedTexts(checked.policy)
  const manifest: Manifest = {
    ...{ format: 3, site, createdAt: new Date(environment.now()).toISOString() },
    models: {
      ...texts.declared,
      ...Object.fromEntries(kept),
      ...askedStreams(checked.policy),
      [name]: modelOf(declared),
    },
    training: { pushed: `${name} ${version}` },
  }
  const problem =
    missingModel(checked.policy, manifest.models) ??
    protectedFeature(checked.policy, manifest.models)
  if (problem !== null) return { ok: false, reason: problem }
  const bytes = kept.map(([other]) => [other, live?.models[other] as Uint8Array] as const)
  const parts = {
    ...{ manifest, policy: checked.policy, ...catalogueOf(declared, live) },
    models: { ...texts.bytes, ...Object.fromEntries(bytes), [name]: model },
  }
  try {
    return { ok: true, manifest, release: await packRelease(parts) }
  } catch (cause) {
    if (!(cause instanceof ReleaseError)) throw cause
    return { ok: false, reason: cause.message }
  }
}

function catalogueOf(declared: Declaration, live: ReleaseParts | null) {
  const items = live?.catalogue.items ?? []
  const popularity = live?.popularity ?? []
  if (declared.family === 'tabular') return { catalogue: { items }, popularity }
  const { vocabulary } = declared
  const facts = new Map(items.map((item) => [item.id, item]))
  const known = new Set(vocabulary)
  const popular = popularity.filter(({ id }) => known.has(id))
  // Without anything live nothing is known to be popular: the order of the vocabulary has to do.
  const first = vocabulary.slice(0, popularityMax).map((id, at) => ({ id, score: 1 / (at + 1) }))
  return {
    catalogue: { items: vocabulary.map((id) => facts.get(id) ?? { id }) },
    popularity: popular.length > 0 ? popular : first,
  }
}
