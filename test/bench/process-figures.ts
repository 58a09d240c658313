import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** What the machine says of a process and what it started: resident memory now, processor time so far. */
export interface ProcessFigures {
  readonly ownMb: number
  readonly ownCpuSeconds: number
  readonly childrenMb: number
  readonly childrenCpuSeconds: number
}

/** Asks `ps`; a process that has ended counts nothing. */
export async function processFigures(pid: number): Promise<ProcessFigures> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,rss=,cputimes='])
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  const total = (of: typeof rows, column: number) =>
    of.reduce((sum, row) => sum + (row[column] ?? 0), 0)
  const own = rows.filter(([id]) => id === pid)
  const children = rows.filter(([, parent]) => parent === pid)
  return {
    ...{ ownMb: total(own, 2) / 1024, ownCpuSeconds: total(own, 3) },
    ...{ childrenMb: total(children, 2) / 1024, childrenCpuSeconds: total(children, 3) },
  }
}
