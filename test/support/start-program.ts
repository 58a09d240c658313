import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
const endTimeMaxMs = 50_000

/** How a program ended, and what it wrote. */
export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of this repository with these settings and no others, from a directory, until it ends by itself. */
export function runProgram(
  program: string,
  settings: Readonly<Record<string, string>>,
  commandLine: readonly string[] = [],
  directory: string = root,
): Promise<Ended> {
  return new Promise((ended) => {
    const child = execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', resolve(root, program), ...commandLine],
      { cwd: directory, env: { PATH: process.env.PATH, ...settings }, timeout: endTimeMaxMs },
      (_failure, stdout, stderr) => ended({ status: child.exitCode, stdout, stderr }),
    )
  })
}

/** The same where nobody reads what it prints, as behind a `head` that has ended. */
export async function runUnread(
  program: string,
  commandLine: readonly string[],
): Promise<Omit<Ended, 'stdout'>> {
  const given = ['--disable-warning=ExperimentalWarning', resolve(root, program), ...commandLine]
  const child = spawn(process.execPath, given, {
    cwd: root,
    env: { PATH: process.env.PATH },
    timeout: endTimeMaxMs,
  })
  child.stdout.destroy()
  const told = child.stderr.toArray()
  const [status] = await once(child, 'exit')
  return { status, stderr: (await told).join('') }
}
