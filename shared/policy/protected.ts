/** Attributes that laws against discrimination commonly name. */
export const protectedByDefault = [
  ...['age', 'birth', 'birthday', 'birthdate', 'birthyear'],
  ...['gender', 'sex', 'pregnancy', 'pregnant'],
  ...['ethnicity', 'ethnic', 'race', 'nationality', 'religion', 'belief', 'disability', 'disabled'],
  ...['maritalStatus', 'sexualOrientation'],
]

/**
 * Whether the name of a field holds a protected attribute as whole words, however they are joined: `customerAge`,
 * `birth_year`, `maritalstatus`; not `page`.
 */
export function isProtected(field: string, attributes: readonly string[]): boolean {
  const words = wordsOf(field)
  const runs = words.flatMap((_, from) =>
    words.slice(from).map((_, length) => words.slice(from, from + length + 1).join('')),
  )
  return attributes.some((attribute) => runs.includes(wordsOf(attribute).join('')))
}

/** `customerAge2` as `customer` and `age`. */
function wordsOf(name: string): string[] {
  const apart = name.replaceAll(/([a-z])([A-Z])/g, '$1-$2').toLowerCase()
  return apart.split(/[^a-z]+/).filter((word) => word !== '')
}
