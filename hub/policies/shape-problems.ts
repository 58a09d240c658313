import type * as v from 'valibot'
import { didYouMean } from '#shared/did-you-mean.ts'
import { isUnknownField, tellIssue } from '#shared/plain-problem.ts'
import type { PolicyProblem } from '#shared/policy/compile.ts'

type Issue = v.BaseIssue<unknown>
type Path = PolicyProblem['path']

/** What is wrong in the shape of a policy, in sentences for whoever wrote it, from the issues of its schema. */
export function shapeProblems(issues: readonly Issue[], schema: object): PolicyProblem[] {
  const unknown = issues.filter(isUnknownField).map((issue) => {
    const path = pathOf(issue)
    const name = String(path.at(-1))
    // Another kind of the same thing may have it.
    const names = fieldsAt(schema, path.slice(0, -1)).filter((each) => each !== name)
    return { path, meant: didYouMean(name, names) }
  })
  // A field that was misspelt is missing, too: it is told of once.
  const told = new Set(unknown.map(({ path, meant }) => placeOf([...path.slice(0, -1), meant])))
  const others = issues
    .filter((issue) => !isUnknownField(issue))
    .map((issue) => ({ path: pathOf(issue), offset: 0, sentence: sentenceOf(issue) }))
    .filter(({ path }) => !told.has(placeOf(path)))
  return [...unknown.map(unknownField), ...others]
}

function unknownField({ path, meant }: { path: Path; meant: string | undefined }): PolicyProblem {
  const sentence = `unknown field ${path.at(-1)}`
  return { path, offset: 0, sentence: meant ? `${sentence}; did you mean ${meant}?` : sentence }
}

function sentenceOf(issue: Issue): string {
  const told = tellIssue(issue)
  return told.startsWith('is ') ? `${issue.path?.at(-1)?.key} ${told}` : told
}

const pathOf = ({ path }: Issue): Path => (path ?? []).map(({ key }) => key as string | number)
const placeOf = (path: readonly unknown[]) => JSON.stringify(path)

/** As much as is read here of a schema: each kind of valibot's has some of these. */
interface Shape {
  readonly entries?: Readonly<Record<string, Shape>>
  readonly options?: readonly Shape[]
  readonly wrapped?: Shape
  readonly item?: Shape
  readonly value?: Shape
}

/** The fields that an object at a path may have, by any of its kinds. */
function fieldsAt(schema: object, path: Path): string[] {
  const found = path.reduce<Shape[]>(
    (shapes, key) => shapes.flatMap((shape) => inside(shape, key)),
    alternatives(schema as Shape),
  )
  return found.flatMap(({ entries = {} }) => Object.keys(entries))
}

function inside({ entries, item, value }: Shape, key: string | number): Shape[] {
  const next = entries?.[key] ?? item ?? value
  return next ? alternatives(next) : []
}

function alternatives(shape: Shape): Shape[] {
  if (shape.wrapped) return alternatives(shape.wrapped)
  return shape.options ? shape.options.flatMap(alternatives) : [shape]
}
