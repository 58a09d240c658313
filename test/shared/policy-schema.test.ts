import { toJsonSchema } from '@valibot/to-json-schema'
import { expect, it } from 'vitest'
import { policySchema } from '#shared/policy.ts'

it('the JSON Schema that editors read is made from what checks a policy (npx vitest run -u writes it)', async () => {
  // Checks that only code can make are left to `shelfedge policy check`.
  const schema = toJsonSchema(policySchema, { typeMode: 'input', errorMode: 'ignore' })
  const text = `${JSON.stringify(schema, null, 2)}\n`
  await expect(text).toMatchFileSnapshot('../../docs/policy.schema.json')
  expect(schema).toMatchObject({ required: ['placements'], additionalProperties: false })
})
