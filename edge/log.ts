/** One structured line a happening, as JSON on the console; never a key, a signature or an event's content. */
export function log(level: 'info' | 'warn' | 'error', message: string, fields: object = {}): void {
  console[level](JSON.stringify({ level, message, ...fields }))
}

/** The sentence of a failure, without its stack. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
}
