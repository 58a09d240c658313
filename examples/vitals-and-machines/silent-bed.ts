import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../client.ts'

const name = 'bed-silent'
const noticesWanted = 3
const toldTimeMaxMs = 60_000

/**
 * A patient in danger whose monitor falls off after one reading: nobody acknowledges the alarm, and nothing comes any
 * more. Answers the escalation of each notice that a webhook brought by the clock, until there are three or time is up.
 */
export async function watchSilentBed(client: Client): Promise<readonly number[]> {
  const send = (event: string, properties: object = {}) =>
    client.send([
      { type: 'track', anonymousId: name, messageId: `${name} ${event}`, event, properties },
    ])
  await send('Vital Signs', { heartRate: 180, breaths: 40, oxygen: 80 })
  const escalations = () =>
    client.told.flatMap(({ data: { visitor, answer } }) =>
      visitor === `a:${name}` && answer.by === 'clock' ? [Number(answer.escalation)] : [],
    )
  const giveUpAt = performance.now() + toldTimeMaxMs
  while (escalations().length < noticesWanted && performance.now() < giveUpAt) await wait(50)
  const told = escalations()
  await send('Alarm Acknowledged')
  return told
}
