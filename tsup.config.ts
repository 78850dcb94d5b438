import { defineConfig } from 'tsup'

// JavaScript only: declarations come from tsc (tsup's own dts breaks on TypeScript 6).
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    repository: 'src/repository.ts',
    huggingface: 'src/huggingface.ts',
    github: 'src/github.ts',
    s3: 'src/s3.ts',
    tfjs: 'src/tfjs.ts',
    statistics: 'src/statistics.ts',
    testing: 'src/testing.ts',
    'cli/main': 'src/cli/main.ts',
    // Started by its file, from the chunks beside it.
    'training-thread': 'src/trainer/tfjs/thread/training-thread.ts',
  },
  format: 'esm',
  target: 'node20',
  platform: 'node',
  splitting: true,
  sourcemap: true,
  clean: true,
})
