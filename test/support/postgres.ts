/** A real PostgreSQL server in a directory of its own, from Debian's package, on a socket of its own. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, glob, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface PostgresServer {
  readonly url: string
  /** Ends it at once, as a crash does. */
  stop(): Promise<void>
  start(): Promise<void>
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
  const serve = command('postgres', '-D', data, '-k', directory, '-c', 'listen_addresses=')
  const isReady = () =>
    run(join(programs, 'pg_isready'), ['-h', directory]).then(
      () => true,
      () => false,
    )
  let server: ChildProcess | null = null
  const start = async () => {
    const [program, rest] = serve
    const started = spawn(program, [...rest, '-c', 'fsync=off'], {
      stdio: 'ignore',
      cwd: directory,
    })
    server = started
    while (!(await isReady())) {
      if (started.exitCode !== null) throw new Error(`PostgreSQL ended with ${started.exitCode}`)
      await sleep(50)
    }
  }
  const stop = async () => {
    if (server === null) return
    const exited = once(server, 'exit')
    server = null
    await run(...command('pg_ctl', 'stop', '-D', data, '-m', 'immediate'), { cwd: directory })
    await exited
  }
  await start()
  return {
    url: `postgres://postgres@localhost/postgres?host=${encodeURIComponent(directory)}`,
    start,
    stop,
    async remove() {
      await stop()
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
