import { expect, it } from 'vitest'
import { sha256Hex } from '#shared/digest.ts'
import { readText } from '#shared/text/read-text.ts'
import { wordsOf } from '#shared/text/words.ts'
import texts from './texts.json' with { type: 'json' }

// The same in Node, where models of texts are trained, and in workerd, where they are asked.

it.each(texts.cases)('a text is read the same everywhere: $name', async (golden) => {
  // Halves of surrogate pairs cannot be written in a file.
  const text = golden.text ?? String.fromCharCode(...(golden.units ?? []))
  const { words, digest } = golden
  const read = wordsOf(text).map((word) => (word.isNegated ? `not ${word.text}` : word.text))
  expect(read).toEqual(words)
  const numbers = new Uint8Array(new TextEncoder().encode(JSON.stringify(readText(text))))
  expect(await sha256Hex(numbers)).toBe(digest)
})
