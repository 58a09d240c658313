import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { declarationSchema } from '#hub/judging/declaration.ts'

/** One of the models that the scripts here made once: docs/bring-your-own.md. */
export function exampleModel(name: 'gru' | 'trees' | 'embedding') {
  const file = (extension: string) => new URL(`./${name}.${extension}`, import.meta.url)
  return {
    model: new Uint8Array(readFileSync(file('onnx'))),
    declared: v.parse(declarationSchema, JSON.parse(readFileSync(file('json'), 'utf8'))),
  }
}
