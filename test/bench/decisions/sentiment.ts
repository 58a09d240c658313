import { existsSync } from 'node:fs'
import { evaluateSentiment } from '#hub/training/sentiment/evaluate.ts'
import { readRatedTexts } from '#hub/training/sentiment/rated-texts.ts'
import { defaultSentimentSettings } from '#models/sentiment/train.ts'

// Whether short texts are negative, neutral or positive: by a model that did not see them, by a list of words, by the majority.

/** What each contender's figures are called. */
const names: Readonly<Record<string, string>> = {
  ...{ model: 'sentiment', across: 'sentimentAcross' },
  ...{ list: 'sentimentWordList', majority: 'sentimentMajority' },
}

/** Trains and judges as `npm run train:sentiment` does, on all its texts; null where they are not here. */
export function sentimentFigures(file: string) {
  if (!existsSync(file)) return null
  const contenders = evaluateSentiment(readRatedTexts(file), defaultSentimentSettings, () => {})
  return {
    figures: Object.fromEntries(
      contenders
        .filter(({ of }) => of === 'all')
        .flatMap(({ name, accuracy, macroF1, brier }) => [
          [`${names[name]}Accuracy`, accuracy.mean],
          [`${names[name]}MacroF1`, macroF1.mean],
          [`${names[name]}Brier`, brier.mean],
        ]),
    ) as Readonly<Record<string, number>>,
    lines: contenders.map(({ name, of, texts, accuracy: { mean, low, high } }) => {
      const interval = `${low.toFixed(3)} to ${high.toFixed(3)}`
      return `${name}, ${of} (${texts} texts): accuracy ${mean.toFixed(3)} (${interval})`
    }),
  }
}
