import { defineConfig } from 'vitest/config'

/** Servers are started for these: one after the other, and with time to start. */
export default defineConfig({
  cacheDir: '../../node_modules/.vite',
  test: {
    include: ['**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 400_000,
  },
})
