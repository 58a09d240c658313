import type { Compiler, Deciding, Path } from '../kinds/kind.ts'
import { compilePlacement } from '../kinds/table.ts'
import { limits } from '../limits.ts'
import type { ItemFacts, Placement, Policy } from '../policy.ts'
import { isShownRule } from '../shown.ts'
import {
  type Answered,
  type AnswerType,
  type Expression,
  type ExpressionProblem,
  expressionsOf,
} from './expression.ts'
import { isProtected, protectedByDefault } from './protected.ts'

/** An expression with where it stands in its placement. */
export interface Asked {
  readonly path: Path
  readonly expression: Expression<Answered>
}

export interface CompiledPlacement extends Deciding {
  readonly placement: Placement
  /** Every expression of it. */
  readonly asked: readonly Asked[]
}

export interface CompiledPolicy {
  readonly policy: Policy
  readonly placements: ReadonlyMap<string, CompiledPlacement>
  /** By the name of an event, the placements that listen to it. */
  readonly listeners: ReadonlyMap<string, readonly string[]>
}

/** What is wrong in a policy: the keys that lead there, and how far into that text. */
export interface PolicyProblem {
  readonly path: Path
  readonly offset: number
  readonly sentence: string
}

export class PolicyError extends Error {
  override readonly name = 'PolicyError'
}

/** Makes a policy ready for a catalogue. Throws PolicyError with what is wrong first. */
export function compilePolicy(policy: Policy, catalogue: readonly ItemFacts[]): CompiledPolicy {
  const { compiled, problems } = tryCompile(policy, catalogue.length)
  const [problem] = problems
  if (problem) throw new PolicyError(`${problem.path.join('.')}: ${problem.sentence}`)
  return compiled
}

/** The same with every problem of its expressions; a rule with one is compiled without it. */
export function tryCompile(policy: Policy, itemsTotal: number) {
  const problems: PolicyProblem[] = []
  const itemsKept = itemsKeptOf(policy, itemsTotal)
  const memoryCharactersMax = memoryCharactersOf(policy)
  const placements = Object.entries(policy.placements).map(([name, placement]) => {
    const asked: Asked[] = []
    const found = (each: Asked | PolicyProblem) => {
      if ('expression' in each) asked.push(each)
      else problems.push({ ...each, path: ['placements', name, ...each.path] })
    }
    const bounds = { itemsKept, memoryCharactersMax }
    const deciding = compilePlacement(placement, compilerOf(policy, placement, bounds, found))
    return [name, { ...deciding, placement, asked }] as const
  })
  const compiled: CompiledPolicy = {
    ...{ policy, placements: new Map(placements) },
    listeners: listenersOf(placements),
  }
  return { compiled, problems }
}

function listenersOf(placements: readonly (readonly [string, CompiledPlacement])[]) {
  const listeners = new Map<string, string[]>()
  for (const [name, { placement, hears }] of placements) {
    const { on = [] } = placement
    const isHeardToo = on.length > 0 && hears !== undefined
    for (const event of new Set(isHeardToo ? [...on, hears] : on)) {
      listeners.set(event, [...(listeners.get(event) ?? []), name])
    }
  }
  return listeners
}

/** The first of a catalogue are the most viewed: it is theirs that are kept where not all can be. */
function itemsKeptOf(policy: Policy, itemsTotal: number): number {
  const rulesTotal = Object.values(policy.placements).reduce(
    (sum, placement) => sum + (placement.kind === 'items' ? placement.rules.length : 0),
    0,
  )
  return Math.min(itemsTotal, Math.floor(limits.verdictBytesMax / Math.max(1, rulesTotal)))
}

/** Lists remember what was shown only where a rule asks for it, and verdicts nothing. */
function remembers(placement: Placement): boolean {
  if (placement.kind === 'verdict') return false
  return placement.kind !== 'items' || placement.rules.some(isShownRule)
}

/** The same for each that remembers anything: what one remembers takes no room of another. */
function memoryCharactersOf({ placements }: Policy): number {
  const remembering = Object.values(placements).filter(remembers).length
  const each = Math.floor(limits.memoryCharactersMax / Math.max(1, remembering))
  return Math.min(limits.placementMemoryCharactersMax, each)
}

function compilerOf(
  { context, experiments, protectedAttributes = protectedByDefault }: Policy,
  placement: Placement,
  bounds: Pick<Compiler, 'itemsKept' | 'memoryCharactersMax'>,
  found: (each: Asked | PolicyProblem) => void,
): Compiler {
  const { kind, event = {} } = placement
  // A price cannot read what it must not depend on: to its expressions it is not there.
  const refused = kind === 'price' ? protectedAttributes : []
  const allowed = <Fields extends object>(fields: Fields) =>
    Object.fromEntries(
      Object.entries(fields).filter(([name]) => !isProtected(name, refused)),
    ) as Fields
  const { compile } = expressionsOf({
    ...{ context: allowed(context), event: allowed(event), experiments },
    hasScore: kind !== 'items' && placement.model !== undefined,
    isRefused: kind === 'price' ? (field) => isProtected(field, refused) : undefined,
  })
  const compiling =
    <Answer extends Answered>(of: 'item' | 'visitor', answer: AnswerType) =>
    (text: string | undefined, path: Path): Expression<Answer> | null => {
      if (text === undefined) return null
      const result = compile(text, of, answer)
      if (!isProblem(result)) {
        found({ path, expression: result })
        return result as Expression<Answer>
      }
      found({ path, ...explained(result, refused) })
      return null
    }
  return {
    yesNo: compiling<boolean>('visitor', 'yesNo'),
    ofItem: compiling<boolean>('item', 'yesNo'),
    number: compiling<number>('visitor', 'number'),
    text: compiling<string>('visitor', 'text'),
    ...bounds,
  }
}

/** Says why a field is not there, where it is because nothing may depend on it. */
function explained(problem: ExpressionProblem, refused: readonly string[]): ExpressionProblem {
  const [, field] = /^No such key: (\w+)$/.exec(problem.sentence) ?? []
  if (field === undefined || !isProtected(field, refused)) return problem
  const sentence = `no price may depend on ${field}: it is a protected attribute`
  return { ...problem, sentence }
}

function isProblem(result: Expression<Answered> | ExpressionProblem): result is ExpressionProblem {
  return 'sentence' in result
}
