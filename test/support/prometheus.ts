/** A real Prometheus from Debian's package, on the files of `docs/operations/`, in a directory of its own. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'
import { operationsFile } from './operations.ts'

const run = promisify(execFile)

export interface ScrapedSystem {
  readonly hubUrl: string
  readonly popUrl: string
  readonly adminToken: string
  readonly metricsToken: string
}

/** One series of an answer and its value. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [atSeconds: number, value: string]
}

export interface Prometheus {
  /** Asks at this moment. Throws what Prometheus says of a query it does not take. */
  query(query: string): Promise<Sample[]>
  rules(): Promise<{ readonly name: string; readonly state: string; readonly health: string }[]>
  remove(): Promise<void>
}

/** True where both programs of the package answer. */
export async function hasPrometheus(): Promise<boolean> {
  const answers = ['prometheus', 'promtool'].map((program) => run(program, ['--version']))
  return (await Promise.allSettled(answers)).every(({ status }) => status === 'fulfilled')
}

/** Writes what an operator would copy, with the addresses of a running system, and scrapes every second. */
export async function writeOperations(directory: string, system: ScrapedSystem): Promise<void> {
  const example = await operationsFile('prometheus.yml')
  const config = example
    .replace('127.0.0.1:8788', new URL(system.hubUrl).host)
    .replace('127.0.0.1:8787', new URL(system.popUrl).host)
    .replaceAll('_interval: 15s', '_interval: 1s')
  await Promise.all([
    writeFile(join(directory, 'prometheus.yml'), config),
    writeFile(join(directory, 'admin-token'), `${system.adminToken}\n`, { mode: 0o600 }),
    writeFile(join(directory, 'metrics-token'), `${system.metricsToken}\n`, { mode: 0o600 }),
    ...['alerts.yml', 'alerts.test.yml'].map(async (name) =>
      writeFile(join(directory, name), await operationsFile(name)),
    ),
  ])
}

/** What promtool says; throws that where it finds something wrong. */
export async function promtool(directory: string, ...words: string[]): Promise<string> {
  const { stdout } = await run('promtool', words, { cwd: directory })
  return stdout
}

/** Starts a server on the files that `writeOperations` wrote and waits until it is ready. */
export async function startPrometheus(directory: string): Promise<Prometheus> {
  const data = await mkdtemp(join(tmpdir(), 'shelfedge-prometheus-'))
  const address = `127.0.0.1:${await freePort()}`
  const server = spawn(
    'prometheus',
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=${address}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  await untilReady(server, address)
  return {
    async query(query) {
      const parameters = new URLSearchParams({ query })
      return (await ask<{ result: Sample[] }>(`http://${address}/api/v1/query?${parameters}`))
        .result
    },
    async rules() {
      const { groups } = await ask<{ groups: { rules: [] }[] }>(`http://${address}/api/v1/rules`)
      return groups.flatMap(({ rules }) => rules)
    },
    async remove() {
      const exited = once(server, 'exit')
      if (server.exitCode === null) {
        server.kill('SIGTERM')
        await exited
      }
      await rm(data, { recursive: true, force: true })
    },
  }
}

async function untilReady(server: ChildProcess, address: string): Promise<void> {
  const isReady = () =>
    fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!(await isReady())) {
    if (server.exitCode !== null) throw new Error(`Prometheus ended with code ${server.exitCode}`)
    await sleep(50)
  }
}

async function ask<Data>(url: string): Promise<Data> {
  const answer = (await (await fetch(url)).json()) as { status: string; error?: string; data: Data }
  if (answer.status !== 'success') throw new Error(`${decodeURIComponent(url)}: ${answer.error}`)
  return answer.data
}
