/** Two placements that differ in their model alone, so that one is the other's baseline; both keep the rules. */
const rules = `
      - { name: not-current, effect: filter, keep: item.id != session.current }
      - { name: in-stock, effect: filter, keep: "!has(item.available) || item.available" }
      - { name: mixed, effect: category-cap, itemsMax: 6 }`

export const policy = `
placements:
  product-page:
    kind: items
    model: session-knn
    itemsMax: 10
    rules:${rules}
  most-viewed:
    kind: items
    model: popularity
    itemsMax: 10
    rules:${rules}
`
