/**
 * The offer of whoever comes past a beacon. Half of the shoppers get the one that is the same for everybody, so that
 * what the other is worth can be told.
 */
export const policy = `
experiments:
  offers:
    variants: { personal: 50, same: 50 }
    visitorsPlanned: 1500
    holdout: { variant: same, answer: popularity, placements: [in-store] }
placements:
  in-store:
    kind: items
    model: session-knn
    on: [Beacon Seen]
    itemsMax: 5
    rules:
      - { name: in-stock, effect: filter, keep: "!has(item.available) || item.available" }
`
