import type { Hono } from 'hono'
import type * as v from 'valibot'
import { limits } from '#shared/limits.ts'
import { modelNameSchema } from '#shared/model.ts'
import { readPlainly } from '#shared/plain-problem.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { callerOf } from '../authorise.ts'
import type { Environment } from '../environment.ts'
import { readBody } from '../read-body.ts'
import { siteOf } from '../site-of.ts'
import { isStorable } from '../storable-text.ts'
import { declarationSchema, notYetTaught, recordOf } from './declaration.ts'
import { pushModel } from './push-model.ts'

export const modelsPath = '/v1/models'
const listedMax = 100
const whyCharactersMax = 1_000
/** Examinations use a core each; further pushes are told to come again, before anything of them is read. */
const underWayMax = 2
/** A model and its declaration, whose vocabulary may be long; whoever sends them slower gives the turn back. */
const bodyBounds = { bytesMax: 2 * limits.releaseBytesMax, timeMaxMs: 60_000 }

/** Models: pushed, listed, and what was found of each. */
export function serveModels(app: Hono, environment: Environment): void {
  const { registry } = environment
  let underWay = 0
  app.post(modelsPath, async (context) => {
    const site = siteOf(context, environment)
    const by = callerOf(context, environment).name
    if (underWay >= underWayMax) {
      throw new RequestRefused(429, 'judge_busy', 'other models are being examined', 10)
    }
    underWay++
    try {
      const push = await readPush(context.req.raw, environment.now())
      const pushed = await pushModel({ ...push, site, by }, environment)
      return context.json(pushed, pushed.accepted ? 200 : 422)
    } finally {
      underWay--
    }
  })
  app.get(modelsPath, async (context) => {
    return context.json(await registry.models(siteOf(context, environment), null, listedMax))
  })
  app.get(`${modelsPath}/:name`, async (context) => {
    const site = siteOf(context, environment)
    const name = context.req.param('name')
    const versions = await registry.models(site, name, listedMax)
    if (versions.length === 0) {
      throw new RequestRefused(404, 'unknown_model', `site ${site} has no model ${name}`)
    }
    const judgements = await registry.modelJudgements(site, name, listedMax)
    return context.json({ versions, judgements })
  })
}

async function readPush(request: Request, nowMs: number) {
  const { model, declaration, name, why, withoutComparison } = await readForm(request)
  if (!(model instanceof File) || typeof declaration !== 'string') {
    throw new RequestRefused(
      400,
      'invalid_push',
      'send a form with the file "model", and "declaration" and "name" as text',
    )
  }
  const declared = read(declarationSchema, jsonOf(declaration), 'declaration')
  const problem = notYetTaught(declared, nowMs)
  if (problem !== null) {
    throw new RequestRefused(400, 'invalid_declaration', `declaration.${problem}`)
  }
  const reason = typeof why === 'string' ? why.slice(0, whyCharactersMax).toWellFormed() : ''
  if (!isStorable([reason, recordOf(declared)])) {
    const detail = 'a text of it holds the character U+0000, or half of a surrogate pair'
    throw new RequestRefused(400, 'invalid_push', detail)
  }
  return {
    declared,
    why: reason,
    withoutComparison: withoutComparison === 'true',
    name: read(modelNameSchema, name, 'name'),
    model: new Uint8Array(await model.arrayBuffer()),
  }
}

async function readForm(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const body = await readBody(request, bodyBounds)
  const headers = { 'content-type': request.headers.get('content-type') ?? '' }
  const form = new Response(body as Uint8Array<ArrayBuffer>, { headers }).formData()
  return form.then(Object.fromEntries, () => ({}))
}

function read<Schema extends v.GenericSchema>(schema: Schema, value: unknown, what: string) {
  const found = readPlainly(schema, value, { whole: what })
  if (found.ok) return found.value
  const { path, sentence } = found.problem
  const place = path === '' ? '' : `${what}.`
  throw new RequestRefused(400, 'invalid_declaration', `${place}${sentence}`)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new RequestRefused(400, 'invalid_declaration', 'the declaration is not JSON')
  }
}
