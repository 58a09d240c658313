#!/usr/bin/env node
import { CommanderError } from 'commander'
import { CommandFailed } from './hub-client.ts'
import { localHub } from './local-hub.ts'
import { shelfedgeProgram } from './program.ts'

const failed = 1
const wronglyUsed = 2

/** `npx shelfedge`: ends with 0 when it is done, 1 when it could not be, 2 when it was asked wrongly. */
async function main(): Promise<void> {
  // Who reads only the first lines, as `head` does, has what it wanted.
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE') throw cause
    process.exit()
  })
  const program = shelfedgeProgram({
    print: (text) => console.log(text),
    tell: (line) => console.error(line),
    localHub,
    fail: () => {
      process.exitCode = failed
    },
  })
  try {
    await program.parseAsync()
  } catch (cause) {
    if (cause instanceof CommandFailed) {
      console.error(cause.message)
      process.exitCode = failed
    } else if (cause instanceof CommanderError) {
      // Commander has said it already, with the usage; help that was asked for is no mistake.
      process.exitCode = cause.exitCode === 0 ? 0 : wronglyUsed
    } else throw cause
  }
}

await main()
