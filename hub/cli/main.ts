#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import { CommandFailed } from './hub-client.ts'
import { shelfedgeProgram } from './program.ts'

const tokenFile = '.data/admin-token'
const failed = 1
const wronglyUsed = 2

/** `npx shelfedge`: ends with 0 when it is done, 1 when it could not be, 2 when it was asked wrongly. */
async function main(): Promise<void> {
  const program = shelfedgeProgram({
    print: (text) => console.log(text),
    localToken,
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

function localToken(): string | null {
  try {
    return readFileSync(tokenFile, 'utf8')
  } catch {
    return null
  }
}

await main()
