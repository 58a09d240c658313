import { execFileSync } from 'node:child_process'

/** Process ids of what a process has started itself. */
export function childrenOf(pid: number): number[] {
  return processes()
    .filter(({ parent }) => parent === pid)
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
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,rss='], { encoding: 'utf8' })
  return lines.split('\n').map((line) => {
    const [pid = 0, parent = 0, residentKb = 0] = line.trim().split(/\s+/).map(Number)
    return { pid, parent, residentKb }
  })
}
