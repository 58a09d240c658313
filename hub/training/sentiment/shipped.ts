import { existsSync, readFileSync } from 'node:fs'
import type { TextModel as DeclaredTextModel } from '#shared/model.ts'
import type { Policy } from '#shared/policy.ts'
import { textReading } from '#shared/text/read-text.ts'

const files = {
  model: new URL('../../../models/sentiment/sentiment.onnx', import.meta.url),
  about: new URL('../../../models/sentiment/sentiment.json', import.meta.url),
} as const
/** The name by which a placement asks for it. */
const name = 'sentiment'

/** The model of sentiment that comes with the hub, and the digest of what `train:sentiment` made. */
export const shippedSentiment = {
  files,
  get sha256(): string {
    return existsSync(files.about) ? JSON.parse(readFileSync(files.about, 'utf8')).sha256 : 'none'
  },
} as const

/** The models that come with the hub and that a policy asks for, ready for a release. */
export function askedTexts({ placements }: Pick<Policy, 'placements'>): {
  readonly declared: Readonly<Record<string, DeclaredTextModel>>
  readonly bytes: Readonly<Record<string, Uint8Array>>
} {
  const isAsked = Object.values(placements).some(({ model }) => model === name)
  if (!isAsked) return { declared: {}, bytes: {} }
  return {
    declared: {
      [name]: {
        ...{ family: 'text', inputs: ['buckets', 'words', 'signs'], outputs: ['score'] },
        reading: textReading,
      },
    },
    bytes: { [name]: new Uint8Array(readFileSync(files.model)) },
  }
}
