import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { RatedText } from '#models/sentiment/train.ts'
import { packList, type WordList } from '#models/sentiment/word-list.ts'
import { listSays } from '#shared/text/model.ts'
import { readText } from '#shared/text/read-text.ts'

/**
 * Where the texts come from: the source distribution of a PyPI package, MIT. Mean ratings of at least 20 people each, -4 to 4
 * (Hutto and Gilbert 2014).
 */
export const ratedSource = {
  ...{ package: 'vaderSentiment', version: '3.3.2', licence: 'MIT' },
  sha256: '5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9',
  fetchedBy: 'pip download --no-deps --no-binary :all: vaderSentiment==3.3.2',
} as const

const root = `${ratedSource.package}-${ratedSource.version}`
const files = {
  tweets: 'tweets_GroundTruth.txt',
  products: 'amazonReviewSnippets_GroundTruth.txt',
  movies: 'movieReviewSnippets_GroundTruth.txt',
  editorials: 'nytEditorialSnippets_GroundTruth.txt',
} as const
export type Domain = keyof typeof files
export const domains = Object.keys(files) as readonly Domain[]

/** A text that somebody wrote: sentences of one review or article are of one group. */
export interface WrittenText extends RatedText {
  readonly domain: Domain
  readonly group: string
}

export interface RatedTexts {
  readonly written: readonly WrittenText[]
  /** Words, emoticons and emoji, each as a text of its own. */
  readonly listed: readonly RatedText[]
  readonly list: WordList
}

/** What a word of a list counts beside a text: it was rated without one. */
const listedWeight = 0.5

/** Reads the package as it is downloaded. Throws where it is another file. */
export function readRatedTexts(sdist: string): RatedTexts {
  const digest = createHash('sha256').update(readFileSync(sdist)).digest('hex')
  if (digest !== ratedSource.sha256) {
    throw new Error(`${sdist} has SHA-256 ${digest}, not that of ${root}: ${ratedSource.fetchedBy}`)
  }
  const inner = untar(readFileSync(sdist), `${root}/additional_resources/hutto_ICWSM_2014.tar.gz`)
  const textOf = (file: string) => untar(inner, `hutto_ICWSM_2014/${file}`).toString('utf8')
  const written = domains.flatMap((domain) =>
    rowsOf(textOf(files[domain])).map(([id = '', rating, ...text]): WrittenText => {
      const group = `${domain} ${id.split('_')[0]}`
      return {
        ...{ domain, group, weight: 1 },
        rating: Number(rating),
        text: plain(text.join(' ')),
      }
    }),
  )
  const lexicon = rowsOf(textOf('vader_sentiment_lexicon.txt')).map(
    ([word = '', rating]) => [word.trim().toLowerCase(), Number(rating)] as const,
  )
  const words = packList(new Map(lexicon))
  const emoji = untar(readFileSync(sdist), `${root}/vaderSentiment/emoji_utf8_lexicon.txt`)
  const described = rowsOf(emoji.toString('utf8')).map(
    // As far as the words of its description go; nobody rated it.
    ([one = '', says = '']) => [one, 4 * listSays(words, readText(says))] as const,
  )
  const list = new Map([...lexicon, ...described.filter(([, rating]) => rating !== 0)])
  const listed = Array.from(list, ([text, rating]) => ({ text, rating, weight: listedWeight }))
  return { written, listed, list }
}

function untar(archive: Buffer, file: string): Buffer {
  const output = { input: archive, maxBuffer: 64 * 1024 * 1024 }
  return execFileSync('tar', ['-xzO', '-f', '-', file], output)
}

function rowsOf(text: string): string[][] {
  return text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
}

/** They were taken from pages: what people write arrives without entities. */
function plain(text: string): string {
  const entities = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' }
  return Object.entries(entities).reduce((sum, [from, to]) => sum.replaceAll(from, to), text)
}
