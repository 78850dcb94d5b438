import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const sources = fileURLToPath(new URL('../../src/', import.meta.url))

/**
 * Translates rooms of `src` into plain modules below `target`: a process that is started a hundred times, once for each
 * write at which it may die, should not wait for a compiler each time.
 */
export async function compileRooms(rooms: readonly string[], target: string): Promise<void> {
  await mkdir(target, { recursive: true })
  await writeFile(join(target, 'package.json'), '{"type":"module"}')
  for (const room of rooms)
    for (const path of await readdir(join(sources, room), { recursive: true })) {
      if (!path.endsWith('.ts')) continue
      const { outputText } = ts.transpileModule(await readFile(join(sources, room, path), 'utf8'), {
        compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
      })
      const file = join(target, room, path.replace(/\.ts$/, '.js'))
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, outputText)
    }
}
