import type { Context, Hono } from 'hono'
import * as v from 'valibot'
import { modelNameSchema } from '#shared/model.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { callerOf } from '../authorise.ts'
import type { Environment } from '../environment.ts'
import { siteOf } from '../site-of.ts'
import { declarationSchema } from './declaration.ts'
import { pushModel } from './push-model.ts'

export const modelsPath = '/v1/models'
const listedMax = 100
const whyCharactersMax = 1_000
/** Examinations use a core each; further pushes are told to come again. */
const underWayMax = 2

/** Models: pushed, listed, and what was found of each. */
export function serveModels(app: Hono, environment: Environment): void {
  const { registry } = environment
  let underWay = 0
  app.post(modelsPath, async (context) => {
    const push = await readPush(context, environment)
    if (underWay >= underWayMax) {
      throw new RequestRefused(429, 'judge_busy', 'other models are being examined', 10)
    }
    underWay++
    try {
      const pushed = await pushModel(push, environment)
      return context.json(pushed, pushed.accepted ? 200 : 422)
    } finally {
      underWay--
    }
  })
  app.get(modelsPath, async (context) => {
    const versions = await registry.models(siteOf(context, environment), null, listedMax)
    return context.json(versions.map(withoutVocabulary))
  })
  app.get(`${modelsPath}/:name`, async (context) => {
    const site = siteOf(context, environment)
    const name = context.req.param('name')
    const versions = await registry.models(site, name, listedMax)
    if (versions.length === 0) {
      throw new RequestRefused(404, 'unknown_model', `site ${site} has no model ${name}`)
    }
    const judgements = await registry.modelJudgements(site, name, listedMax)
    return context.json({ versions: versions.map(withoutVocabulary), judgements })
  })
}

/** A vocabulary may have 200,000 items; how many they are is enough to know. */
function withoutVocabulary<Version extends { readonly declaration: unknown }>(version: Version) {
  const { vocabulary, ...declaration } = version.declaration as { vocabulary?: unknown[] }
  const itemsTotal = vocabulary && { itemsTotal: vocabulary.length }
  return { ...version, declaration: { ...declaration, ...itemsTotal } }
}

async function readPush(context: Context, environment: Environment) {
  const site = siteOf(context, environment)
  const form = await context.req.parseBody().catch(() => ({}) as Record<string, unknown>)
  const { model, declaration, name } = form
  if (!(model instanceof File) || typeof declaration !== 'string') {
    throw new RequestRefused(
      400,
      'invalid_push',
      'send a form with the file "model", and "declaration" and "name" as text',
    )
  }
  const why = typeof form.why === 'string' ? form.why.slice(0, whyCharactersMax) : ''
  return {
    ...{ site, why, by: callerOf(context, environment).name },
    name: read(modelNameSchema, name, 'name'),
    declared: read(declarationSchema, jsonOf(declaration), 'declaration'),
    model: new Uint8Array(await model.arrayBuffer()),
  }
}

function read<Schema extends v.GenericSchema>(schema: Schema, value: unknown, what: string) {
  const parsed = v.safeParse(schema, value, { abortEarly: true })
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const path = [what, v.getDotPath(issue)].filter((part) => part !== null).join('.')
  throw new RequestRefused(400, 'invalid_declaration', `${path}: ${issue.message}`)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new RequestRefused(400, 'invalid_declaration', 'the declaration is not JSON')
  }
}
