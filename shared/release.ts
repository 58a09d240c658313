import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import * as v from 'valibot'
import { sha256Hex } from './digest.ts'
import { limits } from './limits.ts'
import { itemFactsSchema, policySchema } from './policy.ts'
import { policyOfFormat1 } from './release-format-1.ts'

const scoredItem = v.object({ id: v.string(), score: v.number() })

export const manifestSchema = v.object({
  format: v.literal(2),
  site: v.pipe(v.string(), v.minLength(1)),
  createdAt: v.string(),
  model: v.object({
    family: v.literal('session-knn'),
    inputs: v.array(v.string()),
    outputs: v.array(v.string()),
    itemsMax: v.pipe(v.number(), v.integer(), v.minValue(1)),
  }),
  /** What it was trained on and how it was judged; for people, never read by the POP. */
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

/** A release unpacked: model, policy and catalogue as one thing. */
export interface ReleaseParts extends v.InferOutput<typeof partsSchema> {
  /** ONNX. */
  readonly model: Uint8Array
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
const modelName = 'model.onnx'
/** A fixed date makes packing the same parts give the same bytes, and so the same digest. */
const packedAt = new Date('2020-01-01T12:00:00Z')

/** Packs a release as a ZIP file that any tool can open. Throws ReleaseError where it is over `releaseBytesMax`. */
export async function packRelease(parts: ReleaseParts): Promise<PackedRelease> {
  const texts = jsonNames.map((name) => [`${name}.json`, strToU8(JSON.stringify(parts[name]))])
  const bytes = zipSync(
    // The model is stored as it is: a POP then unpacks a release without spending time on inflating.
    { ...Object.fromEntries(texts), [modelName]: [parts.model, { level: 0 }] },
    { level: 6, mtime: packedAt },
  )
  if (bytes.length > limits.releaseBytesMax) {
    throw new ReleaseError(
      'release_too_large',
      `the release has ${bytes.length} bytes, ${limits.releaseBytesMax} are allowed`,
    )
  }
  return { digest: await sha256Hex(bytes), bytes }
}

/**
 * Unpacks a release and checks every part. Call it on bytes whose signature holds: a ZIP file of a
 * stranger may inflate without end. Throws ReleaseError('release_unreadable') with the part and why.
 */
export function unpackRelease(bytes: Uint8Array): ReleaseParts {
  const files = unzip(bytes)
  const model = files[modelName]
  if (!model) throw new ReleaseError('release_unreadable', `the release has no ${modelName}`)
  const parts = Object.fromEntries(jsonNames.map((name) => [name, readJson(files, `${name}.json`)]))
  const parsed = v.safeParse(partsSchema, inFormat2(parts), { abortEarly: true })
  if (parsed.success) return { ...parsed.output, model }
  const issue = parsed.issues[0]
  throw new ReleaseError('release_unreadable', `${v.getDotPath(issue)}: ${issue.message}`)
}

/** A POP that is upgraded goes on answering by the release it has. */
function inFormat2(parts: Record<string, unknown>): Record<string, unknown> {
  const { manifest, policy } = parts as { manifest?: { format?: unknown } | null; policy?: unknown }
  if (manifest?.format !== 1) return parts
  return { ...parts, manifest: { ...manifest, format: 2 }, policy: policyOfFormat1(policy) }
}

function unzip(bytes: Uint8Array): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes)
  } catch (cause) {
    throw new ReleaseError('release_unreadable', `the release is not a ZIP file: ${cause}`)
  }
}

function readJson(files: Record<string, Uint8Array>, name: string): unknown {
  const file = files[name]
  if (!file) throw new ReleaseError('release_unreadable', `the release has no ${name}`)
  try {
    return JSON.parse(strFromU8(file))
  } catch (cause) {
    throw new ReleaseError('release_unreadable', `${name} is not JSON: ${cause}`)
  }
}
