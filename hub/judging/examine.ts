import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { examinationBounds } from './bounds.ts'
import { checkBytes } from './check-file.ts'
import type { Examination, Order } from './examiner-process.ts'
import type { ModelContract } from './model-contract.ts'
import { type ModelRefusal, type ModelRefusalCode, refuse } from './refusal.ts'

const program = fileURLToPath(new URL('./examiner-process.ts', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

/** What came of an order: an answer, or how the process ended without one. */
type Ended<Answer> = { readonly answer: Answer } | { readonly refusal: ModelRefusal }

/**
 * Examines a model that nobody trusts, in a process of its own: it reads the sources alone, writes nothing,
 * starts no other, knows no setting or secret of the hub, and is killed past its time. Never throws.
 */
export async function examineModel(
  model: Uint8Array,
  contract: ModelContract,
  timeMsMax: number = examinationBounds.timeMsMax,
): Promise<Examination> {
  const refusal = checkBytes(model)
  if (refusal) return { ok: false, refusal }
  const ended = await orderProcess<Examination>({ what: 'examine', model, contract }, timeMsMax)
  return 'answer' in ended ? ended.answer : { ok: false, refusal: ended.refusal }
}

/** What an examined model recommends for windows of item numbers, in a process like that. Throws where it fails. */
export async function predictInProcess(
  model: Uint8Array,
  windows: readonly Int32Array[],
): Promise<readonly Int32Array[]> {
  const { predictTimeMsMax } = examinationBounds
  const order = { what: 'predict', model, windows } as const
  const ended = await orderProcess<Int32Array[]>(order, predictTimeMsMax)
  if ('answer' in ended) return ended.answer
  throw new Error(ended.refusal.detail)
}

function orderProcess<Answer>(order: Order, timeMsMax: number): Promise<Ended<Answer>> {
  const { heapMbMax } = examinationBounds
  const child = fork(program, [String(process.pid)], {
    env: {},
    execArgv: [
      `--max-old-space-size=${heapMbMax}`,
      ...['--permission', `--allow-fs-read=${root}`, '--allow-worker'],
      '--disable-warning=ExperimentalWarning',
    ],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  return new Promise((resolve) => {
    let said = ''
    const end = (ended: Ended<Answer>) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      resolve(ended)
    }
    const refused = (code: ModelRefusalCode, detail: string) =>
      end({ refusal: refuse(code, detail) })
    const timer = setTimeout(() => {
      refused(
        'examination_timed_out',
        `The model was not through its examination after ${timeMsMax / 1_000} s and was ended.`,
      )
    }, timeMsMax)
    child.stderr?.on('data', (text) => {
      said = (said + text).slice(-1_000)
    })
    child.once('message', (answer) => end({ answer: answer as Answer }))
    child.once('error', (cause) => refused('examination_died', died(String(cause))))
    child.once('exit', (code, signal) => {
      refused('examination_died', died(`${signal ?? `code ${code}`}; ${lastLine(said)}`))
    })
    child.send(order, (cause) => {
      if (cause) refused('examination_died', died(String(cause)))
    })
  })
}

function died(how: string): string {
  return `The process that examined the model ended: ${how}.`
}

function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return (lines.find((line) => /error|fatal/i.test(line)) ?? lines.at(-1) ?? 'it said nothing')
    .trim()
    .slice(0, 200)
}
