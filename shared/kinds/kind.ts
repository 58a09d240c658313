import type { GenericSchema } from 'valibot'
import type { DecidedItem, ScoredItem } from '../decide.ts'
import type { ShelfEvent } from '../event.ts'
import type { Reservation, WantedIssue } from '../offers/reservation.ts'
import type { Expression, Scope } from '../policy/expression.ts'
import type { RuleItem } from '../policy/facts.ts'
import type { RuleEffect } from '../policy/ruling.ts'

/** Keys that lead to a place in a placement. */
export type Path = readonly (string | number)[]

/** What a placement's expressions are compiled by; what is wrong in one is noted, and the answer is null. */
export interface Compiler {
  readonly yesNo: (text: string | undefined, path: Path) => Expression | null
  /** The same, asked of an item. */
  readonly ofItem: (text: string | undefined, path: Path) => Expression | null
  readonly number: (text: string | undefined, path: Path) => Expression<number> | null
  readonly text: (text: string | undefined, path: Path) => Expression<string> | null
  /** Items of the catalogue whose verdicts a rule may keep. */
  readonly itemsKept: number
  /** What an outcome's `memory` may take, as JSON: past it a kind says what it cannot give, and forgets nothing that binds. */
  readonly memoryCharactersMax: number
}

/** Something that keeps a policy from being released, though it can be compiled. */
export interface PlacementProblem {
  readonly path: Path
  readonly offset: number
  readonly sentence: string
}

/** What a decision is made from. */
export interface DecisionInput {
  readonly scope: Scope
  /** Epoch ms. */
  readonly at: number
  readonly item: (id: string) => RuleItem | undefined
  /** Best first; may be empty. */
  readonly candidates: readonly ScoredItem[]
  /** What fills an answer when the candidates run out, best first. */
  readonly popular: readonly ScoredItem[]
  /** 0: whoever is in a holdout that gets nothing. */
  readonly itemsMax: number
  /** What chance follows from; absent where nothing is to be left to chance. */
  readonly decisionId?: string
  /** Those of the question, in their order. */
  readonly events: readonly Pick<ShelfEvent, 'event'>[]
  /** What the last decision of this placement for this visitor left here; whatever it is, it may be of another policy. */
  readonly memory: unknown
  /** Names of the segments of the placement's model, by its score; absent where it has none. */
  readonly segmentNames?: readonly string[] | undefined
  /** What was got of what the placement wants; absent where it wants nothing. */
  readonly reservations?: readonly Reservation[] | undefined
}

/** What is known before anything is reserved. */
export type WantingInput = Pick<DecisionInput, 'scope' | 'at' | 'memory' | 'itemsMax'>

/** What a placement says, and what is to be kept of it. */
export interface Outcome {
  /** JSON; what it holds is told by the kind. */
  readonly answer: Readonly<Record<string, unknown>>
  readonly items: readonly DecidedItem[]
  /** What each rule did, in their order. */
  readonly effects: readonly RuleEffect[]
  /** For the next decision of this placement and visitor, as JSON; absent where it is to stay as it is. */
  readonly memory?: object | null
  /** When its memory is to be decided on by the clock, epoch ms, null for never; of a kind that asks for it. */
  readonly dueAt?: number | null
}

/** What a placement says by the clock. */
export interface ClockOutcome extends Outcome {
  /** There is something to say: else nothing of it is kept but when it is due again. */
  readonly isTold: boolean
  readonly dueAt: number | null
}

/** A placement ready to decide: pure, so that what it is given makes the same answer again. */
export interface Deciding {
  /** In their order; `effects` of an outcome are by them. */
  readonly ruleNames: readonly string[]
  readonly check: () => readonly PlacementProblem[]
  /** An event that it listens to besides those of `on`, where it has these at all. */
  readonly hears?: string | undefined
  /** What it would give that has to be reserved first, best first; absent where it never gives such a thing. */
  readonly wants?: (input: WantingInput) => readonly WantedIssue[]
  readonly decide: (input: DecisionInput) => Outcome
  /** Decides when the time has come that an outcome named, and nothing else has: from what is remembered alone. */
  readonly decideByClock?: (input: Pick<DecisionInput, 'at' | 'memory'>) => ClockOutcome
}

/** A kind of answer: how it is written in a policy, and how it is decided. */
export interface Kind<Placement> {
  readonly schema: GenericSchema<unknown, Placement>
  readonly compile: (placement: Placement, compiler: Compiler) => Deciding
}
