import * as v from 'valibot'

const schema = v.array(
  v.strictObject({
    offer: v.string(),
    budget: v.nullable(v.string()),
    times: v.number(),
    /** Epoch ms. */
    heldUntil: v.number(),
    code: v.nullable(v.string()),
  }),
)
/** Offers that a placement gave a visitor, the last one last. */
export type Given = v.InferOutput<typeof schema>

export type GivenName = Pick<Given[number], 'offer' | 'budget'>

/** What a placement remembers; of another policy it may be anything. */
export function readGiven(memory: unknown): Given {
  const parsed = v.safeParse(schema, memory)
  return parsed.success ? parsed.output : []
}

export function givenOf(given: Given, { offer, budget }: GivenName): Given[number] | undefined {
  return given.find((each) => each.offer === offer && each.budget === budget)
}

/**
 * What to remember after an offer was given once more; null where there is no room. The oldest that bind no more
 * give way: one that is forgotten could be had anew.
 */
export function givenAgain(
  given: Given,
  name: GivenName,
  { heldUntil, code }: Pick<Given[number], 'heldUntil' | 'code'>,
  { binds, charactersMax }: GivenBound,
): Given | null {
  const before = givenOf(given, name)
  const now = { ...name, times: (before?.times ?? 0) + 1, heldUntil, code }
  const kept = [...given.filter((each) => each !== before), now]
  while (JSON.stringify(kept).length > charactersMax) {
    const loose = kept.findIndex((each) => each !== now && !binds(each))
    if (loose === -1) return null
    kept.splice(loose, 1)
  }
  return kept
}

export interface GivenBound {
  /** Whether the next decision has to know of it. */
  readonly binds: (given: Given[number]) => boolean
  /** As JSON. */
  readonly charactersMax: number
}
