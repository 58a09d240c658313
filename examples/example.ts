import type { Client } from './client.ts'

/** What an example prints as it goes: a sentence, or a table with its title. */
export interface Narrator {
  say(sentence: string): void
  table(title: string, rows: readonly Readonly<Record<string, unknown>>[]): void
  /** Writes an SVG where the user finds it, and says where. */
  picture(name: string, svg: string): void
}

/** One use case, run from its first event to what it achieved. */
export interface Example {
  readonly name: string
  /** One sentence for `npm run example -- --help`. */
  readonly what: string
  /** File or folder of real data it wants, relative to the data folder; null where it makes its own. */
  readonly data: string | null
  /** The policy of its site, as YAML; null for the default. */
  readonly policy: string | null
  /** Placements whose decisions a webhook brings to a receiver of the example; none where it is left out. */
  readonly webhooks?: readonly string[]
  /** How long a session may rest; the usual half hour where it is left out. */
  readonly sessionIdleMinutes?: number
  /** Runs it against a system of its own; answers its figures, units last in each name. */
  run(
    client: Client,
    narrator: Narrator,
    data: string,
  ): Promise<Readonly<Record<string, number | null>>>
}
