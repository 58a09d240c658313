/** Asks anew only where the arguments, which JSON can hold, are not those of the last time. */
export function keepingLast<Arguments extends unknown[], Result>(
  make: (...asked: Arguments) => Result,
): (...asked: Arguments) => Result {
  let last: { readonly key: string; readonly result: Result } | undefined
  return (...asked) => {
    const key = JSON.stringify(asked)
    if (last?.key === key) return last.result
    // What was kept goes before its like is made: of a large shop either is a hundred megabytes.
    last = undefined
    last = { key, result: make(...asked) }
    return last.result
  }
}
