/** A real S3-compatible server, versitygw over a directory, on a port of its own. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Settings } from '#hub/registry/s3-blobs.ts'
import { freePort } from './free-port.ts'

export const s3ServerModule = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0'

export interface S3Server {
  readonly settings: S3Settings
  stop(): Promise<void>
}

/** The program of the server on this machine; null where there is none. */
export async function s3Program(): Promise<string | null> {
  const { PATH = '', GOBIN, GOPATH = join(homedir(), 'go') } = process.env
  const directories = [...PATH.split(delimiter), GOBIN ?? join(GOPATH, 'bin')]
  for (const path of directories.map((directory) => join(directory, 'versitygw'))) {
    if (await access(path).then(...isThere)) return path
  }
  return null
}

const isThere = [() => true, () => false] as const

/** Starts a server with one bucket. */
export async function startS3(program: string): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-s3-'))
  // A bucket is a folder of it.
  await mkdir(join(directory, 'releases'))
  const port = await freePort()
  const settings: S3Settings = {
    ...{ endpoint: `http://127.0.0.1:${port}`, bucket: 'releases', region: 'us-east-1' },
    ...{ accessKeyId: 'shelfedge', secretAccessKey: 'a secret of the tests', prefix: 'tests/' },
  }
  const started = spawn(
    program,
    [
      ...['--access', settings.accessKeyId, '--secret', settings.secretAccessKey],
      ...['--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--nometa', directory],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  await untilItListens(settings.endpoint, started)
  return {
    settings,
    async stop() {
      const exited = once(started, 'exit')
      started.kill('SIGKILL')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function untilItListens(url: string, server: ChildProcess): Promise<void> {
  while (!(await fetch(url).then(...isThere))) {
    if (server.exitCode !== null) throw new Error(`the S3 server ended with ${server.exitCode}`)
    await sleep(50)
  }
}
