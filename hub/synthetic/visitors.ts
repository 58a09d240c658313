import { at, type Random } from './random.ts'
import type { Settings } from './settings.ts'

export interface Device {
  readonly kind: 'web' | 'app' | 'till'
  readonly userAgent?: string
  readonly locale?: string
  readonly skewMs: number
}

export interface Visitor {
  readonly anonymousId: string
  /** Known from the first login on. */
  userId?: string
  readonly device: Device
  /** By position of the category: how much more or less than others this visitor likes it. */
  readonly taste: readonly number[]
  /** When the last emission of the visit is sent; a visitor is in one place at a time. */
  busyUntilMs: number
}

export interface VisitorPool {
  arriving(atMs: number): Visitor
  readonly size: () => number
}

const hourMs = 3_600_000
const tasteSigma = 1.1
// Most draws meet somebody who is at home; after these a newcomer arrives instead.
const returningDrawsMax = 8

const locales = ['en-GB', 'en-US', 'de-DE', 'fr-FR', 'nl-NL', 'es-ES']
const browsers = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
  'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
  'Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
]
const apps = [
  'DemoShop/4.2 (iPhone; iOS 18.5)',
  'DemoShop/4.2 (Android 15)',
  'DemoShop/4.0 (Android 13)',
]
const crawlers = [
  'Mozilla/5.0 (compatible; ExampleBot/2.1; +https://bot.example/about)',
  'PriceSpider/1.4 (+https://spider.example)',
  'ExampleCrawler/0.9',
]

/** Remembers so many visitors that may come back, with their tastes and logins; forgets at random beyond. */
export function visitorPool(tastes: number, settings: Settings, random: Random): VisitorPool {
  const { behaviour, limits } = settings
  const known: Visitor[] = []
  const keep = (visitor: Visitor) => {
    if (known.length < limits.visitorsHeldMax) known.push(visitor)
    else known[random.integer(0, known.length - 1)] = visitor
    return visitor
  }
  const atHome = (atMs: number) => {
    const idleSinceMs = atMs - behaviour.returnAfterHoursMin * hourMs
    for (let left = returningDrawsMax; left > 0 && known.length > 0; left--) {
      const visitor = at(known, random.integer(0, known.length - 1))
      if (visitor.busyUntilMs < idleSinceMs) return visitor
    }
    return undefined
  }
  return {
    size: () => known.length,
    arriving: (atMs) =>
      (random.chance(behaviour.returningShare) ? atHome(atMs) : undefined) ??
      keep(newVisitor(tastes, shopperDevice(settings, random), random)),
  }
}

export function newVisitor(tastes: number, device: Device, random: Random): Visitor {
  const taste = Array.from({ length: tastes }, () => random.logNormal(1, tasteSigma))
  return { anonymousId: random.uuid(), device, taste, busyUntilMs: 0 }
}

function shopperDevice({ behaviour, dirt }: Settings, random: Random): Device {
  const kind = random.chance(behaviour.appShare) ? 'app' : 'web'
  const skewMs = random.chance(dirt.skewedDeviceShare) ? skew(dirt, random) : 0
  return { ...offlineDevice(kind, random), skewMs }
}

export function offlineDevice(kind: 'web' | 'app', random: Random): Device {
  const userAgent = random.pick(kind === 'app' ? apps : browsers)
  return { kind, userAgent, locale: random.pick(locales), skewMs: 0 }
}

export function crawlerDevice(userAgentShare: number, random: Random): Device {
  const userAgent = random.chance(userAgentShare) ? random.pick(crawlers) : undefined
  return { kind: 'web', skewMs: 0, ...(userAgent && { userAgent }) }
}

/** Even over the magnitudes: a clock is as likely minutes off as hours or days. */
function skew({ skewMsMin, skewMsMax }: Settings['dirt'], random: Random): number {
  const magnitude = skewMsMin * (skewMsMax / skewMsMin) ** random.unit()
  return Math.round(random.chance(0.5) ? magnitude : -magnitude)
}
