export type Verdict = 'yes' | 'no' | 'failed'
const verdicts = [undefined, 'yes', 'no', 'failed'] as const

/** What a rule said of each item of a catalogue: a byte an item; of those past its end nothing is kept. */
export class Verdicts {
  readonly #known: Uint8Array

  constructor(itemsTotal: number) {
    this.#known = new Uint8Array(itemsTotal)
  }

  get(number: number): Verdict | undefined {
    return verdicts[this.#known[number] ?? 0]
  }

  set(number: number, verdict: Verdict): void {
    if (number >= 0 && number < this.#known.length) this.#known[number] = verdicts.indexOf(verdict)
  }
}
