/** The registry port: which releases there are, how they were judged, and which was live when, and why. */

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
}

export interface Registry {
  /** Records a release; the same digest for the same site again changes nothing. */
  addRelease(release: ReleaseRecord): Promise<void>
  /** Records a judgement; throws `unknown-release` for a digest no site has. */
  addEvaluation(evaluation: Evaluation): Promise<void>
  /** Judgements of a release, newest first. */
  evaluations(digest: string, limit: number): Promise<readonly Evaluation[]>
  /** Puts a tag on a release of the same site, else throws `unknown-release`; a move is never undone, only followed. */
  moveTag(move: TagMove): Promise<void>
  /** Digest the tag is on, by the move recorded last; null before the first. */
  tag(site: string, tag: string): Promise<string | null>
  /** Digest the tag was on at a time; null before the first move. */
  liveAt(site: string, tag: string, at: Date): Promise<string | null>
  /** Releases of a site, newest first. */
  releases(site: string, limit: number): Promise<readonly ReleaseRecord[]>
  /** Moves of all tags of a site, newest first. */
  history(site: string, limit: number): Promise<readonly TagMove[]>
  close(): Promise<void>
}

export type RegistryErrorCode = 'unknown-release' | 'conflict' | 'unavailable'

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
