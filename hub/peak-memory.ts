import type { Store } from './store/store.ts'

/** The most memory each process of the hub has had resident, in MB; the store's only where it is embedded. */
export async function peakMemory(store: Store): Promise<{ hub: number; store: number | null }> {
  const hub = Math.round(process.resourceUsage().maxRSS / 1024)
  const embedded = store as Store & { peakMb?: () => Promise<number> }
  return { hub, store: embedded.peakMb ? await embedded.peakMb() : null }
}
