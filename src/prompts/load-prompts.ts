import { type BigIntStats, constants, lstatSync, readdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CallContext,
  checkedPath,
  type Digest,
  digestBytes,
  digestJson,
  messageOf,
  SheikhError,
} from '../core/index.js'
import { lfsPointerOf } from '../store/index.js'
import { maximumTemplateLength, parseTemplate, type Template } from './template.js'
import { templateInvalid } from './template-error.js'

/** Folders of templates, by purpose. */
const promptFolders: readonly string[] = ['training', 'inference', 'evaluation']

export interface Prompts {
  /** Sorted by path. */
  readonly files: readonly PromptFile[]
  /** Digest of paths and contents. */
  readonly digest: Digest
}

/** As the project names it, for errors: annotations need the path from its root. */
const named = (path: string) => `prompts/${path}`

interface PromptFile {
  /** Path relative to the prompts' folder, with `/`: `training/classify.txt`. */
  readonly path: string
  readonly text: string
  readonly digest: Digest
}

/**
 * Loads the templates `training/**.txt`, `inference/**.txt` and `evaluation/**.txt` below a folder. Returns none if the
 * folder does not exist.
 *
 * @throws `template-invalid` for a template that is not valid Jinja, too large, not UTF-8, or a symbolic link, and for
 * a name that a release cannot contain.
 */
export async function loadPrompts(directory: string, { signal }: CallContext): Promise<Prompts> {
  signal.throwIfAborted()
  const files: PromptFile[] = []
  for (const path of promptFolders.flatMap((folder) => textFiles(directory, folder)).sort()) {
    signal.throwIfAborted()
    const { text } = await loadTemplate(join(directory, path), named(path))
    files.push({ path, text, digest: digestBytes(text) })
  }
  return { files, digest: digestJson(files.map(({ path, digest }) => ({ path, digest }))) }
}

/** Reads and parses one template. @param file its name in errors. */
export async function loadTemplate(
  path: string,
  file: string,
): Promise<{ readonly text: string; readonly template: Template }> {
  const text = await readTemplate(path, file)
  return { text, template: await parseTemplate(text, file) }
}

async function readTemplate(path: string, file: string): Promise<string> {
  const refuse = (fact: string, cause?: unknown, remedy = 'Correct the file, or use another one.') =>
    templateInvalid(file, undefined, fact, remedy, { cause })
  try {
    const handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
    try {
      const stats = await handle.stat()
      if (!stats.isFile()) throw new Error('it is not a regular file')
      if (stats.size > 4 * maximumTemplateLength)
        throw new Error(`it has ${stats.size} bytes, which is too many for a template`)
      const content = await handle.readFile()
      if (lfsPointerOf(content) !== undefined)
        throw refuse('it is a Git LFS pointer, not the template', undefined, 'Fetch the file: git lfs pull')
      return new TextDecoder('utf-8', { fatal: true }).decode(content)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof SheikhError) throw error
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') throw refuse('it does not exist', error)
    if (code === 'ELOOP') throw refuse('it is a symbolic link', error)
    throw refuse(code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8 text' : messageOf(error), error)
  }
}

function textFiles(root: string, folder: string): readonly string[] {
  const stats: BigIntStats | undefined = lstatSync(join(root, folder), { bigint: true, throwIfNoEntry: false })
  if (stats === undefined) return []
  if (!stats.isDirectory())
    throw templateInvalid(named(folder), undefined, 'it is not a folder', 'Put the templates into a folder.')
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith('.')) return []
    const path = `${folder}/${entry.name}`
    checkName(path)
    if (entry.isSymbolicLink())
      throw templateInvalid(named(path), undefined, 'it is a symbolic link', 'Replace it with the file itself.')
    return entry.isDirectory() ? textFiles(root, path) : path.endsWith('.txt') ? [path] : []
  })
}

/** A registry keeps a template as `prompts/…`. A name of other bytes than UTF-8 is read with U+FFFD in it. */
function checkName(path: string): void {
  try {
    if (!path.includes('\ufffd')) {
      checkedPath(`prompts/${path}`)
      return
    }
  } catch {}
  throw templateInvalid(
    named(path),
    undefined,
    'a release cannot contain a file with this name',
    'Rename the file: use at most 1000 bytes of UTF-8, without control characters, "\\" and ":".',
  )
}
