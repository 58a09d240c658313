import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { popSecret, releasePrivateKeyHex, releasePublicKeyHex } from './test/support/keys.ts'

/** Every setting of a POP; what a test needs to know of them it reads from the worker's own `env`. */
const bindings = {
  SITES: JSON.stringify({
    demo: { writeKeys: ['demo'] },
    other: { writeKeys: ['other-key'] },
  }),
  HUB_URL: 'https://hub.test',
  POP_ID: 'pop-under-test',
  POP_SECRET: popSecret,
  RELEASE_PUBLIC_KEY: releasePublicKeyHex,
  VISITOR_SHARDS: '2',
  // Small enough to fill in a few requests.
  OUTBOX_BYTES_MAX: '1000000',
  // No alarm fires on its own while a test runs: the tests run them.
  FORWARD_DELAY_MS: '60000',
  RELEASE_POLL_MS: '600000',
  // Of the tests, not of the POP: it signs releases as the hub would.
  RELEASE_PRIVATE_KEY: releasePrivateKeyHex,
}

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/edge/workers/**', 'test/real/**'],
          // A bound for what hangs, not for what is slow: a busy machine is no failure.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 60_000 } },
        },
      },
      {
        plugins: [
          cloudflareTest({
            main: 'edge/worker.ts',
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings,
              // Nothing leaves the machine: a test that wants a hub puts its own in place of `fetch`.
              outboundService: () => new Response('no hub here', { status: 503 }) as never,
            },
          }),
        ],
        test: {
          name: 'workerd',
          include: ['test/edge/workers/**/*.test.ts', 'test/golden/**/*.test.ts'],
          // The first request of an isolate starts ONNX Runtime, on a machine that may be busy.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
