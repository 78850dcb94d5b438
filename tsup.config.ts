import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, defineConfig } from 'tsup'
import ts from 'typescript'

// yaml and zod are a hundred small files each, and the others are CommonJS, which Node reads twice: together a third of the time that
// an import needs. A copy in dist/ is one file, without the parts that are not used. They stay dependencies for whoever loads src/.
const copied = ['yaml', 'zod', 'eventemitter3', 'semver', 'p-retry', 'is-network-error']

// The same code as ES modules: what is not used of CommonJS modules cannot be left out.
const alias = { yaml: resolve('node_modules/yaml/browser/dist/index.js') }

/** Writes all code of the command line as one script, `command-line.cjs`: src/cli/load-command-line.ts says what for. */
export async function buildScript(outDir: string): Promise<void> {
  await build({
    ...{ config: false, silent: true, clean: false, format: 'cjs', target: 'node20', platform: 'node', outDir },
    entry: { 'command-line': 'src/cli/run-command-line.ts' },
    noExternal: copied,
    define: { 'import.meta.url': '__moduleUrl' },
    esbuildOptions(options) {
      Object.assign(options, { alias, logOverride: { 'empty-import-meta': 'error' } })
    },
  })
  const path = join(outDir, 'command-line.cjs')
  const code = withImportFunction(await readFile(path, 'utf8'))
  // A file of ASCII is read ten times faster. Only String.raw sees a difference.
  if (code.includes('String.raw`')) throw new Error('The script contains String.raw, so characters cannot be escaped.')
  const ascii = code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  await writeFile(path, `${ascii}//${createHash('sha256').update(ascii).digest('hex')}\n`)
}

/** Code with calls of `__import` in place of `import()`, which needs an experimental option in a script. */
function withImportFunction(code: string): string {
  const source = ts.createSourceFile('script.js', code, ts.ScriptTarget.Latest)
  const ends: number[] = []
  const visit = (node: ts.Node) => {
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      ends.push(node.expression.end)
    ts.forEachChild(node, visit)
  }
  visit(source)
  const starts = ends.map((end) => end - 'import'.length).sort((one, other) => one - other)
  return [0, ...starts].map((start, index) => (index === 0 ? '' : '__') + code.slice(start, starts[index])).join('')
}

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
    options.alias = alias
  },
  async onSuccess() {
    await buildScript('dist')
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
