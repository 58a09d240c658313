import * as v from 'valibot'
import { limits } from '../limits.ts'

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

/** What to remember after an offer was given once more. */
export function givenAgain(
  given: Given,
  name: GivenName,
  { heldUntil, code }: Pick<Given[number], 'heldUntil' | 'code'>,
): Given {
  const before = givenOf(given, name)
  const now = { ...name, times: (before?.times ?? 0) + 1, heldUntil, code }
  return [...given.filter((each) => each !== before), now].slice(-limits.offersGivenMax)
}
