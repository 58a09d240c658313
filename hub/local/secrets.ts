import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Secrets {
  readonly popSecret: string
  readonly adminToken: string
  readonly releasePrivateKey: string
}

/** The secrets of a local system: made at its first start, kept beside its data for its user alone. */
export async function localSecrets(dataDir: string): Promise<Secrets> {
  await mkdir(dataDir, { recursive: true })
  const file = join(dataDir, 'secrets.json')
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Secrets
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
  }
  const made: Secrets = { popSecret: secret(), adminToken: secret(), releasePrivateKey: secret() }
  await writeFile(file, JSON.stringify(made, null, 2), { mode: 0o600 })
  // A file of its own, so that a shell can say "$(cat …)".
  await writeFile(join(dataDir, 'admin-token'), made.adminToken, { mode: 0o600 })
  return made
}

function secret(): string {
  return randomBytes(32).toString('hex')
}
