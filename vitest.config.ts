import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { softwareDriver } from './test/webgpu/software-driver.js'
import { isWhole } from './test/whole.js'

// Where a driver was set up for machines without a GPU, and nobody chose another.
const driver = process.env['VK_ICD_FILENAMES'] ?? (existsSync(softwareDriver) ? softwareDriver : undefined)

// Tests of these rooms start no program, apart from `starters`.
const rooms =
  'core|dataset|drift|evaluation|experiment|feedback|gate|model|notify|pipeline|prompts|releaser|report|serve|statistics|store|testing|tune'
const starters = [
  'test/feedback/directory-feedback.test.ts',
  'test/pipeline/{concurrent,crash}.test.ts',
  'test/releaser/{crash,remote-process}.test.ts',
  'test/report/report-diff.test.ts',
  'test/store/{crash,lock}.test.ts',
  'test/testing/compare-with-baseline.test.ts',
  'test/tune/{crash,workers}.test.ts',
]
// Of the trainer, what starts no program, and no thread of another kind than the others.
const trainings = [
  'test/trainer/{wasm,llama}/**/*.test.ts',
  'test/trainer/{adamw,cross-entropy,early-stopping,examples,learning-rate,manners,onnx-export,text-classifier,tfjs-trainer,warm-start}.test.ts',
]
// These load the whole product in each file. To load and compile it takes a second.
const commands = 'actions|cli|dashboard|repository'
// What starts many programs and needs little of the product, and checks of texts.
const programs = [
  ...starters,
  'test/*.test.ts',
  'test/{api,examples,execute}/**/*.test.ts',
  'test/repository/{git,ledger}*.test.ts',
  'test/trainer/command/**/*.test.ts',
]

export default defineConfig({
  resolve: {
    conditions: ['sheikh-source'],
    alias: [{ find: /^\.\/start-thread\.js$/, replacement: join(import.meta.dirname, 'test/start-thread.ts') }],
  },
  ssr: { resolve: { conditions: ['sheikh-source'] } },
  test: {
    pool: 'forks',
    // One more than there are cores: tests also wait, for processes, the network and clocks.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // How long `expect.poll` waits. No test asserts a duration, and a busy machine is slow.
    expect: { poll: { timeout: 60_000 } },
    env: {
      // Nobody's own settings of Git: a test that commits without an author does so as this file says.
      GIT_CONFIG_GLOBAL: join(import.meta.dirname, 'test/gitconfig'),
      GIT_CONFIG_NOSYSTEM: '1',
      // From Node 22.1 on, the command line keeps its compiled code: not below the home of whoever runs the tests.
      NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/compiled'),
      ...(driver !== undefined && { VK_ICD_FILENAMES: driver }),
    },
    // Keeps translated files in node_modules by their content and this file. CI translates all of them, as a first run does.
    // After a change of `exports` in package.json or of tsconfig.json: npx vitest --clearCache
    experimental: { fsModuleCache: !isWhole },
    globalSetup: ['test/temporary-folder.ts', 'test/print-scope.ts'],
    setupFiles: ['test/generated-cases.ts', 'test/no-console.ts', 'test/no-leaks.ts'],
    projects: [
      // A process for each file costs half a second for each. CI pays that, so that no test can rely on another file.
      {
        extends: true,
        test: {
          name: 'rooms',
          include: [`test/@(${rooms})/**/*.test.ts`, ...trainings],
          exclude: starters,
          isolate: isWhole,
        },
      },
      {
        extends: true,
        test: { name: 'commands', include: [`test/@(${commands})/**/*.test.ts`], exclude: programs, isolate: isWhole },
      },
      // The larger a process is, the longer it takes to start another, such as Git.
      { extends: true, test: { name: 'programs', include: programs, isolate: isWhole } },
      // A device is opened once in a process.
      {
        extends: true,
        test: {
          name: 'alone',
          include: [`test/!(${rooms}|${commands})/**/*.test.ts`],
          exclude: [...trainings, ...programs],
        },
      },
    ],
  },
})
