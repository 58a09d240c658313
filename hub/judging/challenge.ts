import { popularityModel } from '#shared/model.ts'
import type { ReleaseParts } from '#shared/release.ts'
import { modelInput } from '#shared/session-knn.ts'
import type { Environment } from '../environment.ts'
import { type Comparison, compare, type Recommend } from './compare.ts'
import type { SequenceDeclaration } from './declaration.ts'
import { predictInProcess } from './examine.ts'
import { type HeldBackSession, readHeldBack } from './held-back.ts'

interface Contestant {
  readonly model: Uint8Array
  readonly itemsMax: number
  readonly vocabulary: readonly string[]
}

/**
 * Judges a pushed model that names items against the live one, on sessions that began after either was trained.
 * Both run in processes that may be killed. Null where there is no champion yet.
 */
export async function challenge(
  site: string,
  model: Uint8Array,
  declared: SequenceDeclaration,
  live: ReleaseParts | null,
  environment: Environment,
): Promise<Comparison | null> {
  const champion = live && championOf(live)
  if (!live || !champion) return null
  const trainedUntilMs = declared.trainedUntil ? Date.parse(declared.trainedUntil) : 0
  const sinceMs = Math.max(Date.parse(live.manifest.createdAt), trainedUntilMs)
  const sessions = await readHeldBack(environment.store, site, sinceMs)
  const { itemsMax, vocabulary } = declared
  const models = {
    champion: await recommendations(champion, sessions),
    challenger: await recommendations({ model, itemsMax, vocabulary }, sessions),
  }
  return compare(sessions, models, live.catalogue.items.length, environment.judgeRules)
}

/** The model of the first placement that has one which names items. */
function championOf({ policy, manifest, models, catalogue }: ReleaseParts): Contestant | null {
  for (const { model: name } of Object.values(policy.placements)) {
    if (name === undefined || name === popularityModel) continue
    const declared = manifest.models[name]
    const model = models[name]
    if (!model || !declared || !('itemsMax' in declared)) continue
    const vocabulary = catalogue.items.map(({ id }) => id)
    return { model, itemsMax: declared.itemsMax, vocabulary }
  }
  return null
}

/** Asks for all beginnings of all sessions at once: a process of its own each would take a second each. */
async function recommendations(
  { model, itemsMax, vocabulary }: Contestant,
  sessions: readonly HeldBackSession[],
): Promise<Recommend> {
  const numbers = new Map(vocabulary.map((id, number) => [id, number]))
  const windowOf = (seen: readonly string[]) => {
    const known = seen.map((id) => numbers.get(id)).filter((number) => number !== undefined)
    return modelInput(Int32Array.from(known), { sessionItemsMax: itemsMax })
  }
  const beginnings = sessions.flatMap(({ items }) =>
    items.slice(0, -1).map((_, at) => windowOf(items.slice(0, at + 1))),
  )
  const windows = new Map(beginnings.map((window) => [window.join(), window]))
  const asked = [...windows].filter(([, window]) => window[0] !== -1)
  const predicted = await predictInProcess(
    model,
    asked.map(([, window]) => window),
  )
  const byWindow = new Map(asked.map(([key], at) => [key, predicted[at]]))
  return (seen) =>
    Array.from(byWindow.get(windowOf(seen).join()) ?? [], (number) => vocabulary[number] ?? '')
}
