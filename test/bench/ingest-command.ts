import { Command } from 'commander'
import { machine, publish } from '#hub/local/report.ts'
import { kafkaMissing } from '../support/kafka/jars.ts'
import { type Figures, type Load, measureCeiling, measureIngest } from './ingest.ts'
import { measureKafka } from './ingest-kafka.ts'

interface Options {
  readonly seconds: string
  readonly outboxes: string
  readonly batches: string
  readonly rate: string
  readonly kafka?: true
  readonly json?: string
}

/** The ceiling needs no five minutes: nothing grows in it. */
const ceilingSecondsMax = 20

export function ingestCommand(): Command {
  return new Command('ingest')
    .description('Sends signed deliveries to a hub that keeps everything on disk, and counts.')
    .option('--seconds <n>', 'how long to send', '60')
    .option('--outboxes <n>', 'outboxes of POPs, each with one delivery under way', '4')
    .option('--batches <n>', 'batches of 20 events a delivery', '25')
    .option('--rate <n>', 'events a second at most; 0 for all that is acknowledged', '0')
    .option('--kafka', 'the same on a real broker as well, and what the broker itself takes')
    .option('--json <file>', 'write the figures')
    .action(run)
}

async function run(options: Options): Promise<void> {
  const startedAt = new Date()
  const load: Load = {
    seconds: Number(options.seconds),
    outboxes: Number(options.outboxes),
    batchesPerDelivery: Number(options.batches),
    eventsPerSecondMax: Number(options.rate),
  }
  const ceiling = await measureCeiling(
    { ...load, seconds: Math.min(load.seconds, ceilingSecondsMax), eventsPerSecondMax: 0 },
    'no hub checks the signatures of the ceiling',
  )
  const embedded = await measureIngest(load)
  const kafka = await kafkaFigures(load, options)
  const ofCeiling = (embedded.eventsPerSecond ?? 0) / (ceiling.ceilingEventsPerSecond ?? 1)
  const figures = { ...embedded, ...ceiling, ofCeiling, ...kafka }
  const settings = { ...load, ...(options.kafka && { kafka: true }) }
  const versions = { node: process.versions.node }
  publish(
    {
      command: 'npm run bench -- ingest',
      startedAt: startedAt.toISOString(),
      ...{ machine: machine(), versions, settings, figures },
    },
    options.json,
  )
}

async function kafkaFigures(load: Load, options: Options): Promise<Figures | KafkaLeftOut> {
  const missing = options.kafka ? await kafkaMissing() : 'Kafka is measured with --kafka.'
  if (missing === null) return measureKafka(load)
  console.log(missing)
  return { kafkaEventsPerSecond: null }
}

interface KafkaLeftOut {
  readonly kafkaEventsPerSecond: null
}
