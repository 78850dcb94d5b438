import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { softwareDriver } from './test/webgpu/software-driver.js'
import { isWhole } from './test/whole.js'

// Where a driver was set up for machines without a GPU, and nobody chose another.
const driver = process.env['VK_ICD_FILENAMES'] ?? (existsSync(softwareDriver) ? softwareDriver : undefined)

export default defineConfig({
  resolve: { conditions: ['sheikh-source'] },
  ssr: { resolve: { conditions: ['sheikh-source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // A process for each file takes half a second more of each. In CI each file must pass in one of its own.
    isolate: isWhole,
    // Vitest leaves one core free, which is half of two.
    maxWorkers: availableParallelism(),
    testTimeout: 120_000,
    hookTimeout: 120_000,
    env: {
      // Nobody's own settings of Git: a test that commits without an author does so as this file says.
      GIT_CONFIG_GLOBAL: join(import.meta.dirname, 'test/gitconfig'),
      GIT_CONFIG_NOSYSTEM: '1',
      ...(driver !== undefined && { VK_ICD_FILENAMES: driver }),
    },
    globalSetup: ['test/temporary-folder.ts'],
    setupFiles: [...(isWhole ? [] : ['test/collect-garbage.ts']), 'test/no-console.ts', 'test/no-leaks.ts'],
  },
})
