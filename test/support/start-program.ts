import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
const endTimeMaxMs = 30_000

/** Runs a program of this repository with these settings and no others, until it ends by itself. */
export function runProgram(program: string, settings: Readonly<Record<string, string>>) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program],
    { cwd: root, env: { PATH: process.env.PATH, ...settings }, timeout: endTimeMaxMs },
  )
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}
