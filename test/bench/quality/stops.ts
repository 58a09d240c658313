import type { BundledModule } from '#edge/box/bundle.ts'

/** Where a release is received, unpacked, loaded and put to use. */
const files = ['edge/releases/receive.ts', 'edge/releases/load.ts', 'shared/release.ts']
const startsStatement = /^ +(?:const|let|return|await) /
const endsStatement = /[;{}]$/

/** The same worker, which stops wherever a release is worked on while a debugger is there; otherwise it goes on. */
export function withStops(modules: readonly BundledModule[]): BundledModule[] {
  return modules.map((module) =>
    typeof module.contents === 'string'
      ? { ...module, contents: stopping(module.contents) }
      : { ...module },
  )
}

function stopping(script: string): string {
  let stops = 0
  let isWanted = false
  let previous = ''
  const lines = script.split('\n').map((line) => {
    // The bundler says in a comment which file what follows is from.
    if (line.startsWith('// ')) isWanted = files.includes(line.slice('// '.length))
    const stopsHere = isWanted && startsStatement.test(line) && endsStatement.test(previous)
    previous = line
    if (!stopsHere) return line
    stops++
    return `debugger; ${line}`
  })
  if (stops === 0) throw new Error('the bundle does not say what is from which file')
  return lines.join('\n')
}
