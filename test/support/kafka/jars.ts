/** Apache Kafka's programs, from Maven's jars. */

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const pom = fileURLToPath(new URL('./pom.xml', import.meta.url))
const jars = fileURLToPath(new URL('../../../.build/kafka', import.meta.url))

// Three of them share a machine with the tests: started fast counts for more than run fast.
const machine = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const errorsOnly = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'

/** Why there can be no broker here, as a sentence; null when there can. */
export async function kafkaMissing(): Promise<string | null> {
  try {
    await run('java', ['-version'])
  } catch {
    return 'Kafka tests are skipped: there is no Java here (Debian: openjdk-17-jre-headless).'
  }
  if (existsSync(join(jars, 'complete'))) return null
  try {
    await run('mvn', ['-version'])
    return null
  } catch {
    return 'Kafka tests are skipped: there is no Maven here to fetch the broker with (Debian: maven).'
  }
}

/** Fetches what Kafka consists of, 43 MB, the first time. */
export async function fetchJars(): Promise<void> {
  if (existsSync(join(jars, 'complete'))) return
  await mkdir(jars, { recursive: true })
  const copy = [
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${jars}`,
  ]
  await run('mvn', ['-q', '-B', '-f', pom, ...copy], { timeout: 300_000 })
  await writeFile(join(jars, 'complete'), '')
}

/** The arguments of `java` that run one of Kafka's programs. */
export function javaArguments(program: string, ...args: string[]): string[] {
  return [...machine, errorsOnly, '-cp', join(jars, '*'), program, ...args]
}

/** Runs one of Kafka's programs to its end. */
export async function runKafka(program: string, ...args: string[]): Promise<void> {
  await run('java', javaArguments(program, ...args))
}
