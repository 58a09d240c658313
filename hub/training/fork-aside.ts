import { type ChildProcess, fork } from 'node:child_process'
import { setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'

/** Of 20 down to -20: where processor time is short, ingest and the store come first. */
const niceness = 5

/** A process that trains: it has no setting or secret of the hub, and stands back where others need the processor. */
export function forkAside(program: URL, heapMbMax: number): ChildProcess {
  const child = fork(fileURLToPath(program), [], {
    env: {},
    execArgv: [`--max-old-space-size=${heapMbMax}`, '--disable-warning=ExperimentalWarning'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  if (child.pid !== undefined) setPriority(child.pid, niceness)
  return child
}
