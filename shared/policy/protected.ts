/** Attributes that laws against discrimination commonly name. */
export const protectedByDefault = [
  ...['age', 'birthday', 'birthdate', 'birthyear', 'gender', 'sex', 'pregnancy', 'pregnant'],
  ...['ethnicity', 'ethnic', 'race', 'nationality', 'religion', 'belief', 'disability', 'disabled'],
  ...['maritalStatus', 'sexualOrientation'],
]

/** Whether the name of a field holds a protected attribute as whole words: `customerAge`, not `page`. */
export function isProtected(field: string, attributes: readonly string[]): boolean {
  const words = wordsOf(field)
  return attributes.some((attribute) => words.includes(wordsOf(attribute)))
}

/** `customerAge2` as `-customer-age-`, so that a word is found by the signs around it. */
function wordsOf(name: string): string {
  const apart = name.replaceAll(/([a-z])([A-Z])/g, '$1-$2').replaceAll(/[^A-Za-z]+/g, '-')
  return `-${apart.toLowerCase()}-`.replaceAll(/-+/g, '-')
}
