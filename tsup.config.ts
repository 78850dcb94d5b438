import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { defineConfig } from 'tsup'

// yaml and zod are a hundred small files each, and the others are CommonJS, which Node reads twice: together a third of the time that
// an import needs. A copy in dist/ is one file, without the parts that are not used. They stay dependencies for whoever loads src/.
const copied = ['yaml', 'zod', 'eventemitter3', 'semver', 'p-retry', 'is-network-error']

// JavaScript only: declarations come from tsc (tsup's own dts breaks on TypeScript 6).
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    repository: 'src/repository.ts',
    huggingface: 'src/huggingface.ts',
    github: 'src/github.ts',
    s3: 'src/s3.ts',
    notify: 'src/notify.ts',
    tfjs: 'src/tfjs.ts',
    signing: 'src/signing.ts',
    statistics: 'src/statistics.ts',
    drift: 'src/drift.ts',
    feedback: 'src/feedback.ts',
    experiment: 'src/experiment.ts',
    serve: 'src/serve.ts',
    tune: 'src/tune.ts',
    ensemble: 'src/ensemble.ts',
    execute: 'src/execute.ts',
    testing: 'src/testing.ts',
    'cli/main': 'src/cli/main.ts',
    // Started by its file, from the chunks beside it.
    'tfjs-thread': 'src/trainer/tfjs/thread/tfjs-thread.ts',
    'render-thread': 'src/prompts/render-thread.ts',
    'execute-worker': 'src/execute/worker-program.ts',
    'project-worker': 'src/repository/project-worker.ts',
  },
  format: 'esm',
  target: 'node20',
  platform: 'node',
  splitting: true,
  sourcemap: true,
  clean: true,
  noExternal: copied,
  esbuildOptions(options) {
    // The same code as ES modules: what is not used of CommonJS modules cannot be left out.
    options.alias = { yaml: resolve('node_modules/yaml/browser/dist/index.js') }
  },
  async onSuccess() {
    const { configurationSchemas } = (await import(pathToFileURL(resolve('dist/repository.js')).href)) as {
      configurationSchemas(): Readonly<Record<string, unknown>>
    }
    await mkdir('dist/schemas', { recursive: true })
    for (const [name, schema] of Object.entries(configurationSchemas()))
      await writeFile(`dist/schemas/${name}.json`, `${JSON.stringify(schema, null, 2)}\n`)
    const licenses = copied.map(async (name) => {
      const file = (await readdir(`node_modules/${name}`)).find((entry) => entry.toLowerCase() === 'license')
      return `${name}\n\n${await readFile(`node_modules/${name}/${file}`, 'utf8')}`
    })
    await writeFile('dist/THIRD-PARTY-LICENSES.txt', (await Promise.all(licenses)).join(`\n${'-'.repeat(80)}\n\n`))
  },
})
