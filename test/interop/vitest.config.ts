import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  resolve: { conditions: ['sheikh-source'] },
  ssr: { resolve: { conditions: ['sheikh-source'] } },
  test: { include: ['test/interop/*.interop.ts'], testTimeout: 900_000, hookTimeout: 1_800_000 },
})
