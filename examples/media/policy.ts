/**
 * The same question to four models. `now` goes by the clock on the visitor's wall; `planned` by the hour that an app asks
 * for, as in "what is on tonight".
 */
export const policy = `
context: { hour: int, weekday: int }
placements:
${[
  ['now', 'time-of-day'],
  ['planned', 'time-of-day-asked'],
  ['session', 'session-knn'],
  ['most-played', 'popularity'],
]
  .map(
    ([name, model]) => `  ${name}:
    kind: items
    model: ${model}
    itemsMax: 10
    rules:
      - { name: not-current, effect: filter, keep: item.id != session.current }`,
  )
  .join('\n')}
`
