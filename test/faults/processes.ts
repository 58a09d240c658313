import { execFileSync } from 'node:child_process'

/** Process ids of what a process has started itself, of one program where it is named. */
export function childrenOf(pid: number, program?: string): number[] {
  return processes()
    .filter(({ parent, name }) => parent === pid && (program === undefined || name === program))
    .map((each) => each.pid)
}

/** What processes have resident together, MB; 0 for those that ended. */
export function residentMb(pids: readonly number[]): number {
  const kilobytes = processes()
    .filter(({ pid }) => pids.includes(pid))
    .reduce((sum, { residentKb }) => sum + residentKb, 0)
  return Math.round(kilobytes / 1_024)
}

function processes() {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,rss=,comm='], { encoding: 'utf8' })
  return lines.split('\n').map((line) => {
    const [pid, parent, residentKb, name = ''] = line.trim().split(/\s+/)
    return { pid: Number(pid), parent: Number(parent), residentKb: Number(residentKb), name }
  })
}
