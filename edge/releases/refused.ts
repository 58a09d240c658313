export type ReleaseRefusal =
  | 'release_digest_mismatch'
  | 'release_signature_invalid'
  | 'release_site_mismatch'
  | 'model_unloadable'
  | 'policy_invalid'

/** A release that could not be loaded now, and may be another time. */
export class ReleaseTookTooLong extends Error {
  override readonly name = 'ReleaseTookTooLong'
}

/** A release that cannot be used, whoever sends it and however often. */
export class ReleaseRefused extends Error {
  override readonly name = 'ReleaseRefused'
  readonly code: ReleaseRefusal

  constructor(code: ReleaseRefusal, message: string) {
    super(message)
    this.code = code
  }
}
