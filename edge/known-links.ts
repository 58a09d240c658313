import { limits } from '#shared/limits.ts'

/** Which devices this isolate has lately written down for which user: SDKs name the user with every event. */
export class KnownLinks {
  readonly #knownAt = new Map<string, number>()

  isKnown(site: string, user: string, device: string, now: number): boolean {
    const at = this.#knownAt.get(keyOf(site, user, device))
    return at !== undefined && now - at < limits.linkRefreshMs
  }

  add(site: string, user: string, device: string, now: number): void {
    const key = keyOf(site, user, device)
    this.#knownAt.delete(key)
    this.#knownAt.set(key, now)
    if (this.#knownAt.size <= limits.linksRememberedMax) return
    const [oldest] = this.#knownAt.keys()
    if (oldest !== undefined) this.#knownAt.delete(oldest)
  }

  /** Whoever was erased is somebody new when they come again. */
  forget(site: string, visitor: string): void {
    for (const key of this.#knownAt.keys()) {
      const [ofSite, user, device] = JSON.parse(key)
      if (ofSite === site && (user === visitor || device === visitor)) this.#knownAt.delete(key)
    }
  }
}

function keyOf(...parts: readonly string[]): string {
  return JSON.stringify(parts)
}
