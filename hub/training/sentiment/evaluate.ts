import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import {
  accuracy,
  brierOfClasses,
  type Classified,
  groupedInterval,
  macroF1,
} from '#hub/evaluation/classes.ts'
import type { Interval } from '#hub/evaluation/metrics.ts'
import { type SentimentSettings, sentimentAt, trainSentiment } from '#models/sentiment/train.ts'
import { packList } from '#models/sentiment/word-list.ts'
import { listSays, sentimentOf, sentiments } from '#shared/text/model.ts'
import { readText } from '#shared/text/read-text.ts'
import { domains, type RatedTexts, type WrittenText } from './rated-texts.ts'

/** How texts are classified that a model has not seen. */
export interface Contender {
  readonly name: string
  readonly of: string
  readonly texts: number
  readonly accuracy: Interval
  readonly macroF1: Interval
  readonly brier: Interval
}

const foldsTotal = 5
const resamples = 300
/** Of the folds; the settings were chosen on other ones. */
const seed = 28

/** Every text once among those that are held back, by five models; then each domain by a model of the three others. */
export function evaluateSentiment(
  { written, listed, list }: RatedTexts,
  settings: SentimentSettings,
  report: (line: string) => void,
): Contender[] {
  const learned = (train: readonly WrittenText[], test: readonly WrittenText[]) => {
    const model = trainSentiment([...train, ...listed], list, settings)
    return test.map((each) => answer(each, sentimentOf(model, readText(each.text))))
  }
  const folds = foldsOf(written)
  const model = folds.flatMap((fold, at) => {
    report(`fold ${at + 1} of ${foldsTotal}`)
    const held = new Set(fold)
    return learned(
      written.filter((each) => !held.has(each)),
      fold,
    )
  })
  const across = domains.flatMap((domain) => {
    report(`${domain} by the others`)
    return learned(
      written.filter((each) => each.domain !== domain),
      written.filter((each) => each.domain === domain),
    )
  })
  const sure = (at: number) => sentiments.map((_, each) => (each === at ? 1 : 0))
  const packed = packList(list)
  const byList = written.map((each) => {
    const said = listSays(packed, readText(each.text))
    // The lines that its authors recommend.
    return answer(each, sure(said <= -0.05 ? 0 : said >= 0.05 ? 2 : 1))
  })
  const usual = sentiments.map(
    (_, at) => written.filter(({ rating }) => sentimentAt(rating) === at).length / written.length,
  )
  const majority = written.map((each) => answer(each, usual))
  return Object.entries({ model, across, list: byList, majority }).flatMap(([name, answers]) => [
    contender(name, 'all', answers),
    ...domains.map((domain) =>
      contender(
        name,
        domain,
        answers.filter(({ group }) => group.startsWith(`${domain} `)),
      ),
    ),
  ])
}

function answer({ group, rating }: WrittenText, likely: readonly number[]): Classified {
  return { group, likely, actual: sentimentAt(rating) }
}

/** By group and seed: sentences of one review are on one side. */
function foldsOf(written: readonly WrittenText[]): WrittenText[][] {
  const random = xoroshiro128plus(seed)
  const folds: WrittenText[][] = Array.from({ length: foldsTotal }, () => [])
  for (const group of Map.groupBy(written, (each) => each.group).values()) {
    folds[(random.next() >>> 0) % foldsTotal]?.push(...group)
  }
  return folds
}

function contender(name: string, of: string, answers: readonly Classified[]): Contender {
  const interval = (metric: (answers: readonly Classified[]) => number) =>
    groupedInterval(answers, metric, { resamples, random: xoroshiro128plus(seed) })
  return {
    ...{ name, of, texts: answers.length },
    ...{ accuracy: interval(accuracy), macroF1: interval(macroF1) },
    brier: interval(brierOfClasses),
  }
}
