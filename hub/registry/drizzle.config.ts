/** For `drizzle-kit generate --config hub/registry/drizzle.config.ts`, run from the root after a change of the schema. */

import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: 'postgresql',
  schema: './hub/registry/schema.ts',
  out: './hub/registry/migrations',
})
