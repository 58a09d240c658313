import { setTimeout as wait } from 'node:timers/promises'
import type { TrainingEnd } from '../registry/registry.ts'
import type { TrainingReport } from '../trainings.ts'

/** Asks a hub as an operator. */
export type AskHub = <Answer>(method: 'GET' | 'POST', path: string) => Promise<Answer>

export const trainingsPath = '/v1/trainings'
const askAgainMs = 250

/** Orders a training of a hub and follows it to its end; `tell` is given each line of its progress once. */
export async function trainAndFollow(
  ask: AskHub,
  site?: string,
  tell: (line: string) => void = () => undefined,
): Promise<TrainingEnd> {
  const query = site === undefined ? '' : `?site=${encodeURIComponent(site)}`
  const { number } = await ask<TrainingReport>('POST', trainingsPath + query)
  for (let told = 0; ; await wait(askAgainMs)) {
    const { end, progress } = await ask<TrainingReport>('GET', `${trainingsPath}/${number}${query}`)
    for (const line of progress.filter((each) => each.number > told)) {
      tell(line.line)
      told = line.number
    }
    if (end) return end
  }
}
