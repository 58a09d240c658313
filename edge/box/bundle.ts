import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const root = resolve(import.meta.dirname, '../..')

export interface BundledModule {
  readonly type: 'ESModule' | 'CompiledWasm'
  readonly path: string
  readonly contents: string | Uint8Array
}

/** Bundles a worker with wrangler: a box runs the very files that a deployment would upload. */
export async function bundleWorker(config = 'wrangler.toml'): Promise<BundledModule[]> {
  const folder = await mkdtemp(join(tmpdir(), 'shelfedge-worker-'))
  try {
    const wrangler = join(
      dirname(createRequire(import.meta.url).resolve('wrangler/package.json')),
      'bin/wrangler.js',
    )
    await promisify(execFile)(
      process.execPath,
      [wrangler, 'deploy', '--config', config, '--dry-run', '--outdir', folder],
      { cwd: root, env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: 'true' } },
    )
    const names = await readdir(folder)
    const wasm = names
      .filter((name) => name.endsWith('.wasm'))
      .map(async (name) => ({
        type: 'CompiledWasm' as const,
        path: name,
        contents: new Uint8Array(await readFile(join(folder, name))),
      }))
    const name = names.find((each) => each.endsWith('.js')) ?? 'worker.js'
    const script = await readFile(join(folder, name), 'utf8')
    return [{ type: 'ESModule', path: name, contents: script }, ...(await Promise.all(wasm))]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
