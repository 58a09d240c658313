import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Of the Numenta Anomaly Benchmark, those whose causes are known. */
const names = [
  ...['ambient_temperature_system_failure', 'cpu_utilization_asg_misconfiguration'],
  ...['ec2_request_latency_system_failure', 'machine_temperature_system_failure', 'nyc_taxi'],
  ...['rogue_agent_key_hold', 'rogue_agent_key_updown'],
]

/** Readings of one machine, and when it is known to have been ill. */
export interface Series {
  readonly name: string
  /** Epoch ms of each reading, ascending. */
  readonly times: readonly number[]
  readonly values: readonly number[]
  /** First and last moment of each window, in order. */
  readonly windows: readonly (readonly [number, number])[]
}

/** Reads every series of the folder (CSV with a header; `combined_windows.json` has the windows). */
export function readCorpus(folder: string): Series[] {
  const labelled: Record<string, [string, string][]> = JSON.parse(
    readFileSync(join(folder, 'combined_windows.json'), 'utf8'),
  )
  return names.map((name) => {
    const [, ...rows] = readFileSync(join(folder, `${name}.csv`), 'utf8')
      .trim()
      .split(/\r?\n/)
    const windows = labelled[`realKnownCause/${name}.csv`] ?? []
    return {
      name,
      times: rows.map((row) => atOf(row.split(',')[0] ?? '')),
      values: rows.map((row) => Number(row.split(',')[1])),
      windows: windows.map(([start, end]) => [atOf(start), atOf(end)]),
    }
  })
}

function atOf(text: string): number {
  return Date.parse(`${text.slice(0, 19).replace(' ', 'T')}Z`)
}
