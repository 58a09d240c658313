import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Argument, Command } from 'commander'
import { columns } from '#hub/cli/layout.ts'
import { ChildError } from '#hub/local/child.ts'
import { machine, publish } from '#hub/local/report.ts'
import { startSystem } from '#hub/local/system.ts'
import { Client, exampleSite, exampleWriteKey } from './client.ts'
import type { Example } from './example.ts'
import { examples } from './examples.ts'
import { type Receiver, startReceiver } from './receiver.ts'

const names = examples.map(({ name }) => name)
const list = examples.map(({ name, what }) => `  ${name.padEnd(22)} ${what}`).join('\n')

const command = new Command('npm run example --')
  .description('Runs one use case on a system of its own, and prints what it achieved.')
  .addArgument(new Argument('<name>', 'which one').choices(names))
  .option('--data <folder>', 'where real data lies, for those that want it', '../shared/data')
  .option('--pictures <folder>', 'where pictures are written', '.data/examples')
  .option('--json <file>', 'write the figures for machines')
  .addHelpText('after', `\nExamples:\n${list}`)

async function main(): Promise<void> {
  command.parse()
  const [name] = command.args
  const { data, pictures, json } = command.opts<{
    data: string
    pictures: string
    json?: string
  }>()
  const example = examples.find((each) => each.name === name) as Example
  const path = resolve(data, example.data ?? '')
  if (example.data !== null && !existsSync(path)) {
    console.log(`${name} is left out: it wants ${path}; set --data to the folder that has it.`)
    return
  }
  const startedAt = new Date()
  const figures = await runAlone(example, path, narratorSince(+startedAt, resolve(pictures)))
  publish(
    {
      ...{ command: `example ${name}`, startedAt: startedAt.toISOString(), machine: machine() },
      ...{ versions: { node: process.versions.node }, settings: {}, figures },
    },
    json,
  )
}

/** Runs an example on a hub and a POP that nothing else uses, in a folder that is gone after a good end. */
async function runAlone(
  example: Example,
  data: string,
  narrator: ReturnType<typeof narratorSince>,
): Promise<Readonly<Record<string, number | null>>> {
  const folder = await mkdtemp(join(tmpdir(), 'shelfedge-example-'))
  const policyDir = join(folder, 'policies')
  await mkdir(policyDir)
  const policyFile = join(policyDir, `${exampleSite}.yaml`)
  if (example.policy) await writeFile(policyFile, example.policy)
  narrator.say(`starting hub and POP, whose logs are in ${folder} …`)
  const receiver = example.webhooks ? await startReceiver() : null
  const system = await startSystem({
    ...{ dataDir: folder, hubPort: 0, popPort: 0, retrainSeconds: 0 },
    sites: { [exampleSite]: siteOf(example) },
    settings: {
      ...{ LOG_LEVEL: 'warn', POLICY_DIR: policyDir },
      ...webhookSettings(receiver, example.webhooks),
    },
  })
  const client = new Client(system, policyFile, receiver)
  const figures = await example.run(client, narrator, data).finally(async () => {
    await system.stop()
    await receiver?.close()
  })
  await rm(folder, { recursive: true, force: true })
  return figures
}

function siteOf({ sessionIdleMinutes }: Example) {
  const idle = sessionIdleMinutes === undefined ? {} : { sessionIdleMinutes }
  return { writeKeys: [exampleWriteKey], ...idle }
}

/** The receiver is on this machine, where a hub posts to only if it is told that it may. */
function webhookSettings(receiver: Receiver | null, placements: readonly string[] = []) {
  if (receiver === null) return {}
  const { url, secret } = receiver
  const endpoint = { name: 'example', site: exampleSite, url, secret, placements }
  return { WEBHOOKS: JSON.stringify([endpoint]), WEBHOOKS_ALLOW_PRIVATE: 'true' }
}

function narratorSince(startedAtMs: number, picturesFolder: string) {
  return {
    say(sentence: string) {
      const elapsed = ((Date.now() - startedAtMs) / 1_000).toFixed(1)
      console.log(`${elapsed.padStart(6)} s  ${sentence}`)
    },
    picture(name: string, svg: string) {
      mkdirSync(picturesFolder, { recursive: true })
      const file = join(picturesFolder, `${name}.svg`)
      writeFileSync(file, svg)
      console.log(`picture: ${file}`)
    },
    table(title: string, rows: readonly Readonly<Record<string, unknown>>[]) {
      console.log(`\n${title}\n\n${columns(rows)}\n`)
    },
  }
}

try {
  await main()
} catch (cause) {
  console.error(cause instanceof ChildError ? cause.message : cause)
  process.exitCode = 1
}
