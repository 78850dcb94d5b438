import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { CompilerOptions } from 'typescript'
import { beforeAll, describe, expect, it } from 'vitest'
import { isWhole } from './whole.js'

// Every TypeScript block of the README and of docs/ must compile as pasted: as a module of its own, with the imports it
// needs. A block that cannot says why in a comment right before it: <!-- not checked: reason -->
const root = resolve(import.meta.dirname, '..')
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
)
const blocks = pages.flatMap((page) => blocksOf(page, readFileSync(join(root, page), 'utf8')))

interface Block {
  readonly page: string
  /** Of the first line of code, from 1. */
  readonly line: number
  readonly code: string
  /** The reason in the comment before the block; empty if the comment gives none. */
  readonly excuse: string | undefined
}

function blocksOf(page: string, text: string): Block[] {
  const lines = text.split('\n')
  const found: Block[] = []
  for (let at = 0; at < lines.length; at++) {
    const fence = /^( *)(`{3,})(\S*)/.exec(lines[at]!)
    if (fence === null) continue
    const [, indent, ticks, language] = fence
    const start = at + 1
    do at++
    while (at < lines.length && lines[at]!.trim() !== ticks)
    if (!/^(ts|tsx|typescript)$/.test(language!)) continue
    const before = lines.slice(0, start - 1).findLast((line) => line.trim() !== '')
    found.push({
      page,
      line: start + 1,
      code: lines
        .slice(start, at)
        .map((line) => line.slice(indent!.length))
        .join('\n'),
      excuse: /<!-- not checked:?(.*?)-->\s*$/.exec(before ?? '')?.[1]?.trim(),
    })
  }
  return found
}

/** Where the compiler believes a block to be: beside its page, so that its imports resolve as the package's own do. */
const pathOf = ({ page, line }: Block) => join(root, `${page}.${line}.ts`)

async function problemsByPath(): Promise<Map<string, string[]>> {
  // A quick run needs no compiler.
  const { default: ts } = await import('typescript')
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const options: CompilerOptions = {
    ...ts.parseJsonConfigFileContent({ ...config, files: ['package.json'], include: [] }, ts.sys, root).options,
    moduleDetection: ts.ModuleDetectionKind.Force,
    // An example may declare what only the reader uses.
    noUnusedLocals: false,
    noUnusedParameters: false,
  }
  const virtual = new Map(blocks.map((block) => [pathOf(block), block]))
  const host = ts.createCompilerHost(options)
  host.jsDocParsingMode = ts.JSDocParsingMode.ParseForTypeErrors // As tsc does: half of the packages' declarations are comments.
  const { fileExists, readFile } = host
  host.fileExists = (path) => virtual.has(path) || fileExists(path)
  host.readFile = (path) => virtual.get(path)?.code ?? readFile(path)
  const program = ts.createProgram([...virtual.keys()], options, host)
  return new Map(
    [...virtual].map(([path, block]) => {
      const file = program.getSourceFile(path)!
      const diagnostics = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
      return [
        path,
        diagnostics.map(({ start = 0, messageText }) => {
          const { line, character } = file.getLineAndCharacterOfPosition(start)
          const message = ts.flattenDiagnosticMessageText(messageText, '\n  ')
          return `${block.page}:${block.line + line}:${character + 1} ${message}`
        }),
      ]
    }),
  )
}

// To compile them takes 10 s of CPU: a check of texts, which runs in CI as `npm run types` does.
describe.runIf(isWhole)('each block of TypeScript compiles as pasted', () => {
  let problems: ReadonlyMap<string, readonly string[]>
  beforeAll(async () => {
    problems = await problemsByPath()
  })
  it.each(blocks.filter(({ excuse }) => excuse === undefined).map((block) => [`${block.page}:${block.line}`, block]))(
    '%s',
    (_, block) => expect(problems.get(pathOf(block as Block))).toEqual([]),
  )
})

it('a block that is not checked says why', () => {
  expect(blocks.length).toBeGreaterThan(10)
  expect(blocks.filter(({ excuse }) => excuse === '').map(({ page, line }) => `${page}:${line}`)).toEqual([])
})

it('blocks are found with their language, line and excuse', () => {
  const text = 'a\n\n```ts\nlet a\n```\n\n<!-- not checked: a fragment -->\n\n```ts\n…\n```\n\n```sh\nls\n```\n'
  expect(blocksOf('a.md', text)).toEqual([
    { page: 'a.md', line: 4, code: 'let a', excuse: undefined },
    { page: 'a.md', line: 10, code: '…', excuse: 'a fragment' },
  ])
})
