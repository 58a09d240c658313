import { setTimeout as wait } from 'node:timers/promises'
import type { FaultCase } from '../fault-case.ts'
import type { WireState } from '../wire.ts'

function wireFault(state: WireState, name: string, what: string, isQuick = false): FaultCase {
  return {
    ...{ name, what, isQuick },
    set: () => ({
      async fault({ world, crowd, random }) {
        for (const part of [0.2, 0.5]) {
          await crowd.reaches(part)
          world.wire.become(state)
          await wait(random.integer(300, 1_500))
          world.wire.become('open')
        }
      },
    }),
  }
}

function page(status: string, header = ''): string {
  const html = '<html>a page of somebody else</html>'
  return `HTTP/1.1 ${status}\r\n${header}content-type: text/html\r\ncontent-length: ${html.length}\r\nconnection: close\r\n\r\n${html}`
}

/** Who answers where the hub should: a guest network before its login is seen, a proxy with bounds of its own. */
const impostors: readonly ((line: string) => string)[] = [
  () => page('200 OK'),
  (line) => (line.includes('/login') ? page('200 OK') : page('302 Found', 'location: /login\r\n')),
  () => page('413 Content Too Large'),
  () => page('422 Unprocessable Content'),
]

export const wires: readonly FaultCase[] = [
  {
    name: 'hub-imitated',
    what: 'Somebody else answers for the hub: 200 with a page, 302 to a login that answers 200, 413 and 422.',
    isQuick: true,
    set: () => ({
      async fault({ world, crowd, random }) {
        for (const [index, impostor] of impostors.entries()) {
          await crowd.reaches((index + 1) / 6)
          world.wire.become(impostor)
          await wait(random.integer(300, 1_500))
          world.wire.become('open')
        }
      },
    }),
  },
  wireFault('cut', 'hub-cut-off', 'The network between POP and hub is cut and comes back, twice.'),
  wireFault('silent', 'hub-silent', 'The hub takes connections and does not answer, twice.'),
  wireFault('deaf', 'answers-lost', 'The hub does its work and every answer is lost, twice.', true),
  {
    name: 'requests-repeated',
    what: 'Half of all requests are sent again though they were answered.',
    isQuick: true,
    crowd: { repeated: 0.5 },
    set: () => ({ fault: async () => undefined }),
  },
  {
    name: 'clocks-and-late-devices',
    what: 'Clocks are wrong by up to a year, events are up to 30 days old, and a tenth is refused.',
    isQuick: true,
    crowd: { bad: 0.1, skewMsMax: 365 * 86_400_000, lateMsMax: 30 * 86_400_000, repeated: 0.1 },
    set: () => ({ fault: async () => undefined }),
  },
  {
    name: 'hub-away-for-minutes',
    what: '1,000 visitors send through an outage of the hub of five minutes (ten seconds in a short run).',
    crowd: { visitors: 1_000 },
    set: () => ({
      async fault({ world, crowd, isShort }) {
        await crowd.reaches(0.1)
        await world.hub.kill()
        await wait(isShort ? 10_000 : 300_000)
        await world.hub.start()
      },
    }),
  },
]
