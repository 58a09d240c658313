import { type Random, seededRandom, weightedDraw } from '#hub/synthetic/random.ts'

const aisles = [
  ...['Wine', 'Cheese', 'Bread', 'Coffee', 'Pasta', 'Fruit'],
  ...['Fish', 'Sweets', 'Baby', 'Pets', 'Garden', 'Toys'],
]
const itemsPerAisle = 20
/** Some aisles, and in each some items, are looked at more than others. */
const fall = 0.7
/** How often one looks at something else than what one came for. */
const strayShare = 0.15

export interface Item {
  readonly id: string
  readonly aisle: string
}

/** Somebody on the way to the store: what they want is known to the world alone. */
export interface Shopper {
  readonly number: number
  readonly wants: string
  /** Looked at on the web some hours ago, and in the app some minutes ago. */
  readonly onWeb: readonly Item[]
  readonly inApp: readonly Item[]
  /** Logs in to the app with the loyalty id; the others are strangers at the till. */
  readonly identifies: boolean
  /** Logged in on the web too, under the name of before. */
  readonly aliases: boolean
  /** A phone without an answer sends again. */
  readonly repeats: boolean
  /** From 0 to 1, drawn beforehand: an offer that is worth more than this is redeemed. */
  readonly reluctance: number
}

/** How likely an offer is redeemed: of what the shopper wants, and of anything else. */
const redeemShare = { wanted: 0.35, other: 0.04 }

export function isRedeemed({ wants, reluctance }: Shopper, offered: Item): boolean {
  return reluctance < (offered.aisle === wants ? redeemShare.wanted : redeemShare.other)
}

/** A store and its shoppers; everything follows from the seed. */
export function makeWorld(seed: number) {
  const random = seededRandom(seed)
  const items = aisles.map((aisle) =>
    Array.from({ length: itemsPerAisle }, (_, at): Item => ({ id: `${aisle}-${at}`, aisle })),
  )
  const drawAisle = weightedDraw(aisles.map((_, at) => (at + 1) ** -fall))
  const drawItem = weightedDraw(Array.from({ length: itemsPerAisle }, (_, at) => (at + 1) ** -fall))
  const look = (aisle: number) => {
    const seen = random.chance(strayShare) ? drawAisle(random) : aisle
    return items[seen]?.[drawItem(random)] as Item
  }
  const looks = (aisle: number, from: number, to: number) =>
    Array.from({ length: random.integer(from, to) }, () => look(aisle))
  let shoppers = 0
  return {
    items: items.flat(),
    /** Views of somebody who only browses: what the model learns from. */
    browse: (): readonly Item[] => looks(drawAisle(random), 3, 6),
    shopper: (): Shopper => {
      const aisle = drawAisle(random)
      return {
        ...{ number: shoppers++, wants: aisles[aisle] as string },
        ...{ onWeb: looks(aisle, 1, 2), inApp: looks(aisle, 2, 3) },
        ...draws(random),
      }
    },
  }
}

function draws(random: Random) {
  return {
    identifies: random.chance(0.9),
    aliases: random.chance(0.7),
    repeats: random.chance(0.1),
    reluctance: random.unit(),
  }
}
