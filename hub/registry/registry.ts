/**
 * The registry port: which releases there are, how they were judged, and which was live when, and why;
 * and which visitors were to be erased, and who has done it.
 */

/** A release as it is recorded; its bytes are in the blobs, under the same digest. */
export interface ReleaseRecord {
  /** SHA-256 of the release in hex. */
  readonly digest: string
  readonly site: string
  readonly createdAt: Date
  readonly createdBy: string
  readonly manifest: unknown
  readonly bytesTotal: number
}

/** One judgement of a release. */
export interface Evaluation {
  readonly digest: string
  readonly at: Date
  readonly name: string
  readonly figures: Readonly<Record<string, number>>
}

/** A tag (`live`, `canary`, …) of a site put on a release. */
export interface TagMove {
  readonly site: string
  readonly tag: string
  readonly digest: string
  readonly at: Date
  readonly by: string
  readonly why: string
  /** Of a canary: which part of the visitors, 0 to 1; null for other tags. */
  readonly share: number | null
}

/** What a push brings of a model; its bytes are in the blobs where it was not refused. */
export interface ModelPush {
  readonly site: string
  readonly name: string
  /** SHA-256 of the ONNX file in hex. */
  readonly digest: string
  /** What was declared, without long lists. */
  readonly declaration: unknown
  readonly bytesTotal: number
  readonly at: Date
  readonly by: string
  readonly why: string
}

export interface ModelVersion extends ModelPush {
  /** Counted from 1 by site and name. */
  readonly version: number
}

/** One judgement of a version: of its file, or of how well it recommends. */
export interface ModelJudgement {
  readonly site: string
  readonly name: string
  readonly version: number
  readonly at: Date
  readonly what: string
  readonly passed: boolean
  /** Why it was refused, for machines; null where it passed. */
  readonly code: string | null
  readonly reason: string
  readonly figures: Readonly<Record<string, number>>
  /** Digest of the release that was made of it; null where none was. */
  readonly release: string | null
}

/** A training that somebody ordered, or that came to something by itself. */
export interface TrainingOrder {
  readonly site: string
  readonly by: string
  readonly at: Date
}

/** How a training ended: the release it published, or why there is none. */
export interface TrainingEnd {
  readonly outcome: 'published' | 'unchanged' | 'too_little' | 'refused' | 'failed' | 'elsewhere'
  /** A sentence for people. */
  readonly reason: string
  readonly digest: string | null
  /** Where its policy comes from; null where it did not come so far. */
  readonly policy: unknown
  readonly figures: Readonly<Record<string, number>>
  /** How each model that the policy has learned ended. */
  readonly models?: unknown
}

/** A training was begun, or ended; one that a hub was killed over is begun again. */
export interface TrainingStep {
  readonly training: number
  readonly at: Date
  /** `left` by a hub that stopped in good order; the next one begins it anew. */
  readonly step: 'started' | 'left' | 'ended'
  readonly end: TrainingEnd | null
}

export interface RecordedTraining extends TrainingOrder {
  readonly number: number
  /** How often a hub began it and did not leave it in good order. */
  readonly starts: number
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly end: TrainingEnd | null
}

/** Asks for the right to train a site, which no two hubs have at a time. */
export interface TrainingClaimAsked {
  readonly site: string
  /** How long it holds from the last time that it was renewed, by the registry's clock. */
  readonly leaseMs: number
  /** Not granted where the last training of the site began later; null asks for no such thing. */
  readonly trainedBefore: Date | null
}

/** The right to train a site: until it is ended, or has expired and another hub took it over. */
export interface TrainingClaim {
  readonly site: string
  /** No other claim of the site has it. */
  readonly token: number
}

/** A canary that a POP ended on its own. */
export interface PopReport {
  readonly site: string
  readonly pop: string
  readonly digest: string
  readonly at: Date
  readonly reason: string
  readonly figures: Readonly<Record<string, number>>
}

/** An order to erase a visitor of a site. */
export interface ErasureOrder {
  readonly site: string
  /** The visitor's key. */
  readonly visitor: string
  readonly at: Date
  readonly by: string
}

/** Somebody who keeps something of visitors has erased one. */
export interface ErasureConfirmation {
  /** The address of a POP, or the store. */
  readonly target: string
  readonly at: Date
  /** The id of the POP and the last epoch of the erased life there; null for the store. */
  readonly pop: string | null
  readonly epoch: number | null
  /** What there was to erase. */
  readonly found: Readonly<Record<string, unknown>>
}

/** An order and its confirmations, the oldest first. */
export interface Erasure extends ErasureOrder {
  readonly number: number
  readonly confirmations: readonly ErasureConfirmation[]
}

/** Which orders still matter: young ones, those confirmed lately, and those somebody has not confirmed. */
export interface ErasuresWanted {
  readonly since: Date
  /** Each has to confirm once. */
  readonly targets: readonly string[]
  /** Has to confirm after all the others. */
  readonly lastTarget: string
}

/** A budget of an offer: by site, offer and its id in the policy. */
export interface BudgetOf {
  readonly site: string
  readonly offer: string
  readonly budget: string
}

/** A POP says what it has handed out, and may ask for more of a budget. */
export interface LeaseExchange extends BudgetOf {
  readonly pop: string
  readonly at: Date
  readonly ask: {
    /** The POP's own name for it: asked for again it is the same. */
    readonly lease: string
    readonly unitsMax: number
    /** Of all leases together; what is granted beyond a budget that was lowered is not taken back. */
    readonly issuesMax: number
    readonly hasCodes: boolean
  } | null
  readonly used: readonly {
    readonly lease: string
    readonly units: number
    readonly closed: boolean
  }[]
}

export interface GrantedLease {
  readonly lease: string
  readonly first: number
  readonly units: number
  readonly codes: string[] | null
}

export interface LeaseOutcome {
  /** Null where nothing was asked for, or nothing is left. */
  readonly lease: GrantedLease | null
  /** Closed leases, of which nothing further is to be said. */
  readonly settled: readonly string[]
}

/** What became of a budget. `granted` less `handedOut` is at POPs, or lost with one. */
export interface BudgetState extends BudgetOf {
  readonly granted: number
  readonly handedOut: number
  readonly leasesOpen: number
  readonly codesTotal: number
  readonly codesLeft: number
}

export interface Registry {
  /** Records a release; the same digest for the same site again changes nothing. */
  addRelease(release: ReleaseRecord): Promise<void>
  /** Records a judgement; throws `unknown-release` for a digest no site has. */
  addEvaluation(evaluation: Evaluation): Promise<void>
  /** Judgements of a release, newest first. */
  evaluations(digest: string, limit: number): Promise<readonly Evaluation[]>
  /**
   * Puts a tag on a release of the same site, else throws `unknown-release`; a move is never undone, only followed.
   * Throws `superseded` where a claim is given that another hub has taken over.
   */
  moveTag(move: TagMove, claim?: TrainingClaim): Promise<void>
  /** The move recorded last of a tag, or of several; null before the first. */
  lastMove(site: string, ...tags: string[]): Promise<TagMove | null>
  /** Digest the tag was on before it came to where it is; null where it was on no other. */
  tagBefore(site: string, tag: string): Promise<string | null>
  /** The move of a tag that held at a time; null before the first. */
  moveAt(site: string, tag: string, at: Date): Promise<TagMove | null>
  /** Records a push under the next version of its name; answers the version. */
  addModel(push: ModelPush): Promise<number>
  /** Versions of a site, of one name where it is given, newest first. */
  models(site: string, name: string | null, limit: number): Promise<readonly ModelVersion[]>
  /** Records a judgement; throws `unknown-model` for a version that is not there. */
  addModelJudgement(judgement: ModelJudgement): Promise<void>
  /** Judgements of the versions of one name, newest first. */
  modelJudgements(site: string, name: string, limit: number): Promise<readonly ModelJudgement[]>
  /** Records a training; answers its number. */
  addTraining(order: TrainingOrder): Promise<number>
  addTrainingStep(step: TrainingStep): Promise<void>
  /** Trainings of a site, newest first. */
  trainings(site: string, limit: number): Promise<readonly RecordedTraining[]>
  training(site: string, number: number): Promise<RecordedTraining | null>
  /** Trainings of all sites that have not ended, oldest first. */
  openTrainings(limit: number): Promise<readonly RecordedTraining[]>
  /** Null where another hub trains the site, or trained it too lately. */
  claimTraining(asked: TrainingClaimAsked): Promise<TrainingClaim | null>
  /** Answers false where the claim was ended, or another hub has taken it over; one that expired may be renewed. */
  renewClaim(claim: TrainingClaim, leaseMs: number): Promise<boolean>
  /** Leaves the site to others; `trainedAt` is when a training began that had enough to learn from. */
  endClaim(claim: TrainingClaim, trainedAt: Date | null): Promise<void>
  /** When the last training of a site began that had enough to learn from, by whichever hub; null before the first. */
  trainedAt(site: string): Promise<Date | null>
  addPopReport(report: PopReport): Promise<void>
  /** What POPs did on their own, newest first. */
  popReports(site: string, limit: number): Promise<readonly PopReport[]>
  /** Digest the tag is on, by the move recorded last; null before the first. */
  tag(site: string, tag: string): Promise<string | null>
  /** Digest the tag was on at a time; null before the first move. */
  liveAt(site: string, tag: string, at: Date): Promise<string | null>
  /** Releases of a site, newest first. */
  releases(site: string, limit: number): Promise<readonly ReleaseRecord[]>
  /** Moves of all tags of a site, newest first. */
  history(site: string, limit: number): Promise<readonly TagMove[]>
  /** Records an order; answers its number. Every order is one of its own, also for the same visitor. */
  addErasure(order: ErasureOrder): Promise<number>
  addErasureConfirmation(erasure: number, confirmation: ErasureConfirmation): Promise<void>
  /** Orders that still matter, the oldest first. */
  erasures(wanted: ErasuresWanted, limit: number): Promise<readonly Erasure[]>
  /** Orders for one visitor, the newest first. */
  erasuresOf(site: string, visitor: string, limit: number): Promise<readonly Erasure[]>
  /** Settles what a POP has handed out and grants it a part of what is left, in one transaction. */
  exchangeLease(exchange: LeaseExchange): Promise<LeaseOutcome>
  /**
   * Adds codes that nobody has to a budget; answers how many were not known to the site. Others are served in between, and
   * where it fails a part of them is added.
   */
  addOfferCodes(budget: BudgetOf, codes: readonly string[]): Promise<number>
  /** How many codes a budget has; past `limit` they are not counted. */
  countOfferCodes(budget: BudgetOf, limit: number): Promise<number>
  /** Budgets of which something was granted, or that have codes. */
  offerBudgets(site: string, limit: number): Promise<readonly BudgetState[]>
  /** Whether an issue of this number was ever granted. */
  isGranted(budget: BudgetOf, number: number): Promise<boolean>
  close(): Promise<void>
}

export type RegistryErrorCode =
  | 'unknown-release'
  | 'unknown-model'
  | 'conflict'
  | 'superseded'
  | 'unavailable'

/** A registry that cannot do what it was asked; `retryable` says whether asking again later can help. */
export class RegistryError extends Error {
  readonly code: RegistryErrorCode
  readonly retryable: boolean

  constructor(code: RegistryErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'RegistryError'
    this.code = code
    this.retryable = code === 'unavailable'
  }
}
