import { createHash } from 'node:crypto'
import {
  type Delivery,
  type DeliveryReceipt,
  deliverySchema,
  type RecordBatch,
  recordKinds,
} from '#shared/contract.ts'
import { readPlainly } from '#shared/plain-problem.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import {
  type RequestHead,
  type RequestToSign,
  type SignatureRefusal,
  verifyHead,
  verifyRequest,
} from '#shared/signature.ts'
import type { Environment } from './environment.ts'
import { LogError } from './log/log.ts'
import { recordsTopic } from './log/topics.ts'

/** 96 bits: two contents of one sequence never meet. */
const contentCharacters = 16

interface Signed {
  readonly header: (name: string) => string | undefined
}
export type SignedHead = RequestHead & Signed
export type SignedRequest = RequestToSign & Signed

/** Takes a delivery of a POP: signature → contract → log. It is acknowledged when the log has it for good. */
export async function ingest(
  request: SignedRequest,
  environment: Environment,
): Promise<DeliveryReceipt> {
  await checkSignature(request, environment)
  const delivery = readDelivery(request.body)
  checkSites(delivery, environment.config.siteIds)
  const { appended, duplicates } = await append(delivery, environment)
  environment.metrics.batchesAccepted.inc(appended)
  environment.metrics.batchesDuplicate.inc(duplicates)
  countDelivery(delivery, environment)
  return { accepted: appended, duplicates }
}

/** Refuses whoever is no POP before anything of its body is read. */
export async function checkHead(head: SignedHead, { popKey, now }: Environment): Promise<void> {
  refuseUnsigned(await verifyHead(popKey, head, head.header, now()))
}

/** The same with the body, and that it is here for the first time. */
export async function checkSignature(
  request: SignedRequest,
  environment: Environment,
): Promise<void> {
  const { popKey, nonces, now } = environment
  refuseUnsigned(await verifyRequest(popKey, request, request.header, nonces, now()))
}

function refuseUnsigned(refusal: SignatureRefusal | null): void {
  if (refusal)
    throw new RequestRefused(
      401,
      refusal,
      'the signature of the POP is missing, wrong, too old or used before',
    )
}

function readDelivery(body: Uint8Array): Delivery {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(body))
  } catch {
    throw new RequestRefused(400, 'not_json', 'the body is not JSON')
  }
  const read = readPlainly(deliverySchema, json, { whole: 'the body', telling: 'type' })
  if (read.ok) return read.value
  throw new RequestRefused(422, 'not_a_delivery', read.problem.sentence)
}

function checkSites({ batches }: Delivery, siteIds: readonly string[]): void {
  const unknown = batches.find(({ site }) => !siteIds.includes(site))
  if (unknown) throw new RequestRefused(409, 'unknown_site', `no site ${unknown.site} at this hub`)
}

function countDelivery(delivery: Delivery, { metrics, popOutboxes, now }: Environment): void {
  popOutboxes.heard(delivery.pop, delivery.outbox, now())
  for (const { records } of delivery.batches) {
    for (const record of records) {
      const { kind } = (record ?? {}) as { kind?: unknown }
      const isKnown = recordKinds.some((known) => known === kind)
      metrics.recordsReceived.inc({ kind: isKnown ? (kind as string) : 'unknown' })
    }
  }
}

async function append({ pop, region, batches }: Delivery, { log, failPoint }: Environment) {
  const messages = batches.map((batch) => {
    const value = JSON.stringify({ pop, region, ...batch })
    const key = `${batch.site}/${batch.visitor}`
    return { key, identity: identityOf(pop, batch, value), value }
  })
  try {
    failPoint('before_append')
    const appended = await log.append(recordsTopic, messages)
    failPoint('after_append')
    return appended
  } catch (cause) {
    throw cause instanceof LogError ? refusalOf(cause) : cause
  }
}

/** A POP sets a batch aside for 422, for good; it sends again what got 429 or 503. */
function refusalOf({ code, retryable, message }: LogError): RequestRefused {
  if (code === 'closed') return new RequestRefused(503, 'hub_stopping', 'the hub is stopping', 1)
  if (retryable) return new RequestRefused(429, 'log_busy', message, 1)
  return new RequestRefused(422, 'not_loggable', message)
}

/**
 * How the log knows a batch again: by where it was counted and by what it holds. A POP whose files were put
 * back to an older state may count a second time from there, and what it then sends is not the same.
 */
export function identityOf(
  pop: string,
  batch: Omit<RecordBatch, 'records'>,
  value: string,
): string {
  const { site, visitor, epoch, sequence } = batch
  const content = createHash('sha256').update(value).digest('base64url').slice(0, contentCharacters)
  return JSON.stringify([pop, site, visitor, epoch, sequence, content])
}
