import { writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { machine, publish } from '#hub/local/report.ts'
import { buildTextModel } from '#models/sentiment/graph.ts'
import { defaultSentimentSettings, trainSentiment } from '#models/sentiment/train.ts'
import { sha256Hex } from '#shared/digest.ts'
import { type Contender, evaluateSentiment } from './evaluate.ts'
import { measureTimes } from './measure-times.ts'
import { ratedSource, readRatedTexts } from './rated-texts.ts'
import { shippedSentiment } from './shipped.ts'

const options = new Command('train:sentiment')
  .description('Evaluates the sentiment of short texts, and trains the model that the hub ships.')
  .requiredOption('--data <file>', `what is there after: ${ratedSource.fetchedBy}`)
  .option('--write', 'replace the model that is shipped, and what is said of it')
  .option('--json <file>', 'write the figures')
  .parse()
  .opts<{ data: string; write?: true; json?: string }>()

const startedAt = new Date().toISOString()
const texts = readRatedTexts(options.data)
const { written, listed, list } = texts
console.log(`${written.length} texts, ${listed.length} words, emoticons and emoji of lists`)
const contenders = evaluateSentiment(texts, defaultSentimentSettings, console.log)
console.table(contenders.map(rowOf))
const model = buildTextModel(
  trainSentiment([...written, ...listed], list, defaultSentimentSettings),
)
const sha256 = await sha256Hex(new Uint8Array(model))
const figures = {
  ...(await measureTimes(model, written)),
  ...{ texts: written.length, listed: listed.length, modelBytes: model.length },
  ...Object.fromEntries(contenders.flatMap(figuresOf)),
}
console.log(
  sha256 === shippedSentiment.sha256
    ? 'the model is the one that is shipped, byte for byte'
    : `the model is ${sha256}, shipped is ${shippedSentiment.sha256}`,
)
if (options.write) {
  const { model: modelFile, about } = shippedSentiment.files
  writeFileSync(modelFile, model)
  // What a machine was busy with is nothing of the model's.
  const { readP50Ms: _read, scoreP50Ms: _score, ...lasting } = figures
  const said = { sha256, data: ratedSource, settings: defaultSentimentSettings, figures: lasting }
  writeFileSync(about, `${JSON.stringify(said, null, 2)}\n`)
}
publish(
  {
    ...{ command: 'train:sentiment', startedAt, machine: machine(), figures },
    ...{ versions: { node: process.version }, settings: defaultSentimentSettings },
  },
  options.json,
)

function rowOf({ name, of, texts: count, ...metrics }: Contender) {
  const shown = Object.entries(metrics).map(([metric, { mean, low, high }]) => [
    metric,
    `${mean.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)})`,
  ])
  return { name, of, texts: count, ...Object.fromEntries(shown) }
}

function figuresOf({ name, of, ...metrics }: Contender): [string, number][] {
  const { accuracy, macroF1, brier } = metrics
  return Object.entries({ accuracy, macroF1, brier }).map(([metric, { mean }]) => [
    `${name}/${of}/${metric}`,
    Number(mean.toFixed(4)),
  ])
}
