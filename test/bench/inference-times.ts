import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { bundleWorker } from '#edge/box/bundle.ts'

const sessionsPerRequest = 50

/**
 * How long one inference of each session takes in workerd, ms, by the scorer of the POP. Beside the POP and
 * not through it, because workerd's clock tells whole milliseconds: a worker repeats each and divides.
 */
export async function measureInference(
  release: Uint8Array<ArrayBuffer>,
  sessions: readonly (readonly number[])[],
): Promise<number[]> {
  const workerd = new Miniflare(
    convertV4MiniflareOptions({
      modules: await bundleWorker('test/edge/workers/inference-worker.toml'),
      compatibilityDate: '2026-10-01',
    }),
  )
  try {
    const url = await workerd.ready
    await expectOk(await fetch(url, { method: 'PUT', body: release }))
    // The first pass lets the engine compile; it does not count.
    const warmUp = sessions.slice(0, sessionsPerRequest)
    await fetch(url, { method: 'POST', body: JSON.stringify(warmUp) })
    const measured: number[] = []
    for (let start = 0; start < sessions.length; start += sessionsPerRequest) {
      const body = JSON.stringify(sessions.slice(start, start + sessionsPerRequest))
      const response = await expectOk(await fetch(url, { method: 'POST', body }))
      measured.push(...((await response.json()) as number[]))
    }
    return measured
  } finally {
    await workerd.dispose()
  }
}

async function expectOk(response: Response): Promise<Response> {
  if (response.ok) return response
  throw new Error(`the measuring worker answered ${response.status}: ${await response.text()}`)
}
