import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['sheikh-source'] },
  ssr: { resolve: { conditions: ['sheikh-source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    setupFiles: ['test/no-console.ts'],
  },
})
