import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { SettingsError } from '#shared/settings.ts'

const endTimeMaxMs = 5_000

/**
 * Ends the workerd that a killed POP left behind on a data directory: it would hold the port and write the
 * same files. Answers how many there were. Throws SettingsError while another POP runs on the directory.
 *
 * Found by the files it has open under Linux's `/proc`; elsewhere nothing is found, and an occupied port
 * says so at the start.
 */
export async function endLeftBehind(dataDir: string): Promise<number> {
  const holders = await runtimesOn(dataDir)
  for (const { parent } of holders) {
    if ((await commandOf(parent)).includes('edge/box/main')) {
      throw new SettingsError(`POP_DATA_DIR is ${dataDir}, which process ${parent} uses already.`)
    }
  }
  for (const { pid } of holders) process.kill(pid, 'SIGKILL')
  for (let waitedMs = 0; (await runtimesOn(dataDir)).length > 0; waitedMs += 50) {
    if (waitedMs > endTimeMaxMs)
      throw new SettingsError(`${dataDir} is held by a process that stays.`)
    await wait(50)
  }
  return holders.length
}

async function runtimesOn(dataDir: string): Promise<{ pid: number; parent: number }[]> {
  const entries = await readdir('/proc').catch(() => [])
  const found = entries
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .map(async (entry) => {
      const status = await readFile(`/proc/${entry}/status`, 'utf8').catch(() => '')
      if (!status.startsWith('Name:\tworkerd\n') || !(await hasOpen(entry, dataDir))) return []
      return [{ pid: Number(entry), parent: Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]) }]
    })
  return (await Promise.all(found)).flat()
}

async function hasOpen(pid: string, directory: string): Promise<boolean> {
  const files = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const paths = files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => ''))
  return (await Promise.all(paths)).some((path) => path.startsWith(`${directory}/`))
}

function commandOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
}
