import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Hub } from '../../src/testing/hub/index.js'
import { hubFolder, token } from '../testing/hub-fixture.js'
import { interopPython } from './python.js'

type Options = Readonly<Record<string, unknown>>

export interface PythonAnswer {
  /** As JSON has it. */
  readonly value?: unknown
  readonly error?: string
  readonly status?: number
}

/** The official client in Python. The hub is in this process, so that Python cannot be waited for without turning. */
export async function callPython(
  hub: Hub,
  calls: readonly (readonly [method: string, options: Options])[],
  { transfer, as = token }: { readonly transfer: string; readonly as?: string | false },
): Promise<readonly PythonAnswer[]> {
  const home = hubFolder()
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    HF_HOME: home,
    HF_HUB_DISABLE_PROGRESS_BARS: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    ...(transfer !== 'xet' && { HF_HUB_DISABLE_XET: '1' }),
  }
  return new Promise((done, fail) => {
    const program = join(import.meta.dirname, 'hub.py')
    const child = execFile(interopPython()!, [program], { env, maxBuffer: 1 << 28 }, (error, said) =>
      error === null ? done(JSON.parse(said)) : fail(error),
    )
    child.stdin!.end(JSON.stringify({ endpoint: hub.url, token: as, calls }))
  })
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export type Files = Readonly<Record<string, Uint8Array>>
export const digestsOf = (files: Files) =>
  Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path, sha256(bytes)]))

export function writeFolder(files: Files): string {
  const folder = hubFolder()
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), bytes)
  }
  return folder
}

export function readFolder(folder: string): Files {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  const names = paths.map((path) => path.slice(folder.length + 1).replaceAll('\\', '/'))
  // What belongs to the Hub and to the client, and not to who uploads.
  const ours = names.filter((name) => name !== '.gitattributes' && !/^\.(?:cache|git)\//.test(name))
  return Object.fromEntries(ours.sort().map((name) => [name, readFileSync(join(folder, name))]))
}
