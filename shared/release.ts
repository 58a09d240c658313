import { strFromU8, strToU8, Unzip, unzipSync, zipSync } from 'fflate'
import * as v from 'valibot'
import { sha256Hex } from './digest.ts'
import { limits } from './limits.ts'
import { modelsSchema, popularityModel } from './model.ts'
import { readPlainly } from './plain-problem.ts'
import { itemFactsSchema, policySchema } from './policy.ts'
import { inFormat3 } from './release-formats.ts'

const scoredItem = v.object({ id: v.string(), score: v.number() })

export const manifestSchema = v.object({
  format: v.literal(3),
  site: v.pipe(v.string(), v.minLength(1)),
  createdAt: v.string(),
  /** By the names that placements call them; each is `models/<name>.onnx`, but one of a stream has no file. */
  models: modelsSchema,
  /** What they were trained on and how they were judged; for people, never read by the POP. */
  training: v.record(v.string(), v.union([v.number(), v.string()])),
})
export type Manifest = v.InferOutput<typeof manifestSchema>

const catalogueSchema = v.object({
  /** In the order of the model's dense item numbers. */
  items: v.array(itemFactsSchema),
})

const partsSchema = v.object({
  manifest: manifestSchema,
  policy: policySchema,
  catalogue: catalogueSchema,
  /** Best first: what answers when the model cannot. */
  popularity: v.array(scoredItem),
})

/** A release unpacked: models, policy and catalogue as one thing. */
export interface ReleaseParts extends v.InferOutput<typeof partsSchema> {
  /** ONNX, by the names of the manifest. */
  readonly models: Readonly<Record<string, Uint8Array>>
}

/** A release in the form in which it travels, named by the SHA-256 of its bytes. */
export interface PackedRelease {
  readonly digest: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

export class ReleaseError extends Error {
  override readonly name = 'ReleaseError'
  readonly code: 'release_too_large' | 'release_unreadable'

  constructor(code: ReleaseError['code'], message: string) {
    super(message)
    this.code = code
  }
}

const jsonNames = ['manifest', 'policy', 'catalogue', 'popularity'] as const
const modelFile = /^models\/(.+)\.onnx$/
/** A fixed date makes packing the same parts give the same bytes, and so the same digest. */
const packedAt = new Date('2020-01-01T12:00:00Z')

/** Packs a release as a ZIP file that any tool can open. Throws ReleaseError where it is over `releaseBytesMax`. */
export async function packRelease(parts: ReleaseParts): Promise<PackedRelease> {
  const texts = jsonNames.map((name) => [`${name}.json`, strToU8(JSON.stringify(parts[name]))])
  const models = Object.keys(parts.models)
    .sort()
    // A model is stored as it is: a POP then unpacks a release without spending time on inflating.
    .map((name) => [`models/${name}.onnx`, [parts.models[name], { level: 0 }]])
  const bytes = zipSync(Object.fromEntries([...texts, ...models]), { level: 6, mtime: packedAt })
  if (bytes.length > limits.releaseBytesMax) {
    throw new ReleaseError(
      'release_too_large',
      `the release has ${bytes.length} bytes, ${limits.releaseBytesMax} are allowed`,
    )
  }
  return { digest: await sha256Hex(bytes), bytes }
}

/**
 * Unpacks a release and checks every part; its models go on lying in `bytes`. Call it on bytes whose signature holds: a
 * ZIP file of a stranger may inflate without end. Throws ReleaseError('release_unreadable') with the part and why.
 */
export function unpackRelease(bytes: Uint8Array): ReleaseParts {
  const { parts, files } = checkedParts(bytes)
  const release = { ...parts, models: modelsIn(files, parts.manifest) }
  const missing = missingModel(release.policy, release.manifest.models)
  if (missing !== null) throw new ReleaseError('release_unreadable', missing)
  return release
}

/**
 * A sentence of the first placement whose model a release has not; null where it has all. One that the policy has
 * learned may come with a later release.
 */
export function missingModel(
  { placements, models: learned = {} }: v.InferOutput<typeof policySchema>,
  models: Manifest['models'],
): string | null {
  for (const [name, { model }] of Object.entries(placements)) {
    if (model === undefined || model === popularityModel || Object.hasOwn(models, model)) continue
    if (Object.hasOwn(learned, model)) continue
    const known = [...Object.keys(models), popularityModel].join(', ')
    return `policy.placements.${name}.model: there is no ${model}; the models are ${known}`
  }
  return null
}

function modelsIn(files: Record<string, Uint8Array>, manifest: Manifest) {
  const found = Object.entries(files).flatMap(([file, bytes]) => {
    const name = modelFile.exec(file)?.[1]
    return name === undefined ? [] : [[name, bytes] as const]
  })
  const models = Object.fromEntries(found)
  for (const [name, { family }] of Object.entries(manifest.models)) {
    if (family === 'stream' || Object.hasOwn(models, name)) continue
    throw new ReleaseError('release_unreadable', `the release has no models/${name}.onnx`)
  }
  const unknown = found.find(([name]) => !Object.hasOwn(manifest.models, name))
  if (unknown === undefined) return models
  throw new ReleaseError(
    'release_unreadable',
    `the manifest says nothing of models/${unknown[0]}.onnx`,
  )
}

/** In a function of its own, so that what was read is let go before the models are loaded. */
function checkedParts(archive: Uint8Array) {
  const files = unzip(archive)
  const texts = Object.fromEntries(jsonNames.map((name) => [name, readJson(files, `${name}.json`)]))
  const former = inFormat3(texts, Object.fromEntries(files))
  const read = readPlainly(partsSchema, former.parts)
  if (read.ok) return { parts: read.value, files: former.files }
  throw new ReleaseError('release_unreadable', read.problem.sentence)
}

/** The files of an archive by name. One that is stored as it is, as models are, goes on lying there: no copy is made. */
function unzip(archive: Uint8Array): Map<string, Uint8Array> {
  try {
    const inflated = unzipSync(archive, { filter: ({ compression }) => compression !== 0 })
    const files = new Map(Object.entries(inflated))
    const stored = new Unzip((file) => {
      if (file.compression !== 0) return
      file.ondata = (_, bytes) => {
        files.set(file.name, bytes)
      }
      file.start()
    })
    stored.push(archive, true)
    return files
  } catch (cause) {
    throw new ReleaseError('release_unreadable', `the release is not a ZIP file: ${cause}`)
  }
}

function readJson(files: Map<string, Uint8Array>, name: string): unknown {
  const text = textOf(files, name)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ReleaseError('release_unreadable', `${name} is not JSON: ${cause}`)
  }
}

/** Lets go of the file: of a large catalogue its text and its objects are enough to hold. */
function textOf(files: Map<string, Uint8Array>, name: string): string {
  const file = files.get(name)
  if (!file) throw new ReleaseError('release_unreadable', `the release has no ${name}`)
  files.delete(name)
  return strFromU8(file)
}
