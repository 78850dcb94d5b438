import { existsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { softwareDriver } from './test/webgpu/software-driver.js'

// Where a driver was set up for machines without a GPU, and nobody chose another.
const driver = process.env['VK_ICD_FILENAMES'] ?? (existsSync(softwareDriver) ? softwareDriver : undefined)

export default defineConfig({
  resolve: { conditions: ['sheikh-source'] },
  ssr: { resolve: { conditions: ['sheikh-source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    ...(driver !== undefined && { env: { VK_ICD_FILENAMES: driver } }),
    globalSetup: ['test/temporary-folder.ts'],
    setupFiles: ['test/no-console.ts', 'test/no-leaks.ts'],
  },
})
