/** A real PostgreSQL server in a directory of its own, from Debian's package, on a socket of its own. */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, glob, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface PostgresServer {
  readonly url: string
  remove(): Promise<void>
}

/** Directory of the newest PostgreSQL programs of this machine; null when there are none. */
export async function postgresPrograms(): Promise<string | null> {
  const found: string[] = []
  for await (const path of glob('/usr/lib/postgresql/*/bin/postgres')) found.push(dirname(path))
  return found.sort().at(-1) ?? null
}

/** Starts a server; as root it runs as the user `postgres`, because PostgreSQL refuses root. */
export async function startPostgres(programs: string): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-postgres-'))
  const asUser = await unprivileged(directory)
  const command = (program: string, ...rest: string[]): [string, string[]] => {
    const [first = '', ...others] = [...asUser, join(programs, program), ...rest]
    return [first, others]
  }
  const data = join(directory, 'data')
  // `directory` is open to its user alone, and so the socket is: nobody else needs keeping out.
  await run(...command('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'), {
    cwd: directory,
  })
  const server = spawn(
    ...command(
      'postgres',
      '-D',
      data,
      '-k',
      directory,
      '-c',
      'listen_addresses=',
      '-c',
      'fsync=off',
    ),
    { stdio: 'ignore', cwd: directory },
  )
  const isReady = () =>
    run(join(programs, 'pg_isready'), ['-h', directory]).then(
      () => true,
      () => false,
    )
  while (!(await isReady())) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with code ${server.exitCode}`)
    await sleep(50)
  }
  return {
    url: `postgres://postgres@/postgres?host=${encodeURIComponent(directory)}`,
    async remove() {
      const exited = once(server, 'exit')
      await run(...command('pg_ctl', 'stop', '-D', data, '-m', 'immediate'), { cwd: directory })
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** What to put before a command so that it is not run by root. */
async function unprivileged(directory: string): Promise<string[]> {
  if (process.getuid?.() !== 0) return []
  const [uid, gid] = await Promise.all(['-u', '-g'].map((of) => run('id', [of, 'postgres'])))
  await chown(directory, Number(uid?.stdout), Number(gid?.stdout))
  return ['runuser', '-u', 'postgres', '--']
}
