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

/** How long a process has had a processor, in seconds; null where it has ended, though nobody may have asked after it. */
export function processorSeconds(pid: number): number | null {
  const process = processes().find((each) => each.pid === pid)
  return process && !process.state.startsWith('Z') ? process.processorSeconds : null
}

function processes() {
  const columns = 'pid=,ppid=,rss=,cputimes=,stat=,comm='
  const lines = execFileSync('ps', ['-A', '-o', columns], { encoding: 'utf8' })
  return lines.split('\n').map((line) => {
    const [pid, parent, residentKb, seconds, state = '', name = ''] = line.trim().split(/\s+/)
    const numbers = { pid: Number(pid), parent: Number(parent), residentKb: Number(residentKb) }
    return { ...numbers, processorSeconds: Number(seconds), state, name }
  })
}
