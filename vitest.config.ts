import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
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
    // Each file has its own process. Sharing one saves half a second per file, but the larger a process is, the longer it
    // takes to start another, such as Git: test/repository/ledger-branch took 82 s instead of 16.
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
    setupFiles: ['test/no-console.ts', 'test/no-leaks.ts'],
  },
})
