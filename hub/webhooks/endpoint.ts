import * as v from 'valibot'

const name = v.pipe(
  v.string('give it a name'),
  v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'set a name of a-z, 0-9 and dashes'),
)
/** As Standard Webhooks writes it: `whsec_` and base64 of 24 to 64 bytes. */
const secret = v.pipe(
  v.string('set its secret'),
  v.check((text) => {
    const bytes = /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text)
      ? Buffer.from(text.slice(6), 'base64')
      : ''
    return bytes.length >= 24 && bytes.length <= 64
  }, 'set whsec_ and base64 of 24 to 64 bytes (echo whsec_$(openssl rand -base64 32))'),
)

export const endpointSchema = v.strictObject({
  name,
  site: v.string('name its site'),
  url: v.pipe(
    v.string('set its address'),
    v.check((text) => URL.canParse(text) && /^https?:/.test(text), 'set an http or https address'),
  ),
  secret,
  /** Only decisions of these placements; all of them where it is left out. */
  placements: v.optional(
    v.pipe(v.array(v.string()), v.minLength(1, 'name one placement at least')),
  ),
})

/** Who is told of a site's decisions, and how they know that it is us. */
export type Endpoint = v.InferOutput<typeof endpointSchema>

const endpointsMax = 100

export const endpointsSchema = v.pipe(
  v.array(endpointSchema),
  v.maxLength(endpointsMax, `at most ${endpointsMax} endpoints`),
  v.check(
    (endpoints) => new Set(endpoints.map((endpoint) => endpoint.name)).size === endpoints.length,
    'give each endpoint a name of its own',
  ),
)

export function wants(
  { site, placements }: Endpoint,
  decision: { site: unknown; placement: unknown },
) {
  return decision.site === site && (placements?.includes(String(decision.placement)) ?? true)
}
