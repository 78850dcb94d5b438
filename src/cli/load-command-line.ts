// Compiling its modules takes Node 20 longer than a short command itself. Unlike Node 22, it keeps no compiled modules. A script with
// all code of the command line, `command-line.cjs` of the build, can be kept in compiled form.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { arch, pid, versions } from 'node:process'
import { fileURLToPath } from 'node:url'
import { Script } from 'node:vm'
import type { runCommandLine } from './run-command-line.js'

/** Short commands that people and CI call often. */
const frequent: ReadonlySet<string> = new Set([
  ...['diff', 'history', 'plan', 'report', 'run', 'status', 'triggers', 'validate', 'why'],
])

export interface CommandLine {
  readonly runCommandLine: typeof runCommandLine
  /** Keeps the compiled code for the next command, if it is not kept. A folder that cannot be written to is no error. */
  keep(): void
}

interface ScriptOptions {
  /** The script, and the folder for compiled code. Without either, the modules are used. */
  readonly script: URL
  readonly folder: string | undefined
  readonly cwd: string
}

/**
 * Loads the command line from the script, if the command is a frequent one.
 *
 * @returns `undefined` if the modules must be used: there is no script, or the project has a `sheikh.config.ts`, whose imports from this
 * package must be the modules that the command uses.
 */
export function loadScript(argv: readonly string[], { script, folder, cwd }: ScriptOptions): CommandLine | undefined {
  const command = argv.find((argument, index) => !argument.startsWith('-') && argv[index - 1] !== '--project')
  if (command === undefined || !frequent.has(command) || folder === undefined || !existsSync(script)) return undefined
  if (foldersIn(argv).some((project) => hasHostConfiguration(resolve(cwd, project)))) return undefined
  const filename = fileURLToPath(script)
  // The build writes only ASCII, and the digest of the script into its last line.
  const text = readFileSync(filename, 'latin1')
  const digest = text.slice(text.lastIndexOf('/') + 1).trim()
  // V8 compares only the length of a script with that of a compiled one.
  const key = createHash('sha256').update([digest, versions.v8, arch].join()).digest('hex')
  const file = join(folder, `${command}-${key.slice(0, 32)}.bin`)
  const compiled = new Script(`(function (exports, require, module, __moduleUrl, __import) {${text}\n})`, {
    filename,
    cachedData: readKept(file),
  })
  const module = { exports: {} as Pick<CommandLine, 'runCommandLine'> }
  const run = compiled.runInThisContext() as (...parts: readonly unknown[]) => void
  run(module.exports, createRequire(script), module, script.href, importModule)
  return {
    runCommandLine: module.exports.runCommandLine,
    keep() {
      if (compiled.cachedDataRejected !== false) writeKept(file, compiled.createCachedData())
    },
  }
}

const importModule = (name: string, options?: ImportCallOptions) => import(name, options)

/** The folders that may be the project. */
const foldersIn = (argv: readonly string[]): readonly string[] => [
  '.',
  ...argv.flatMap((argument, index) => {
    if (argument === '--project') return argv[index + 1] ?? []
    return argument.startsWith('--project=') ? argument.slice('--project='.length) : []
  }),
]

function hasHostConfiguration(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.startsWith('sheikh.config.'))
  } catch {
    // The command reports a folder that cannot be read.
    return false
  }
}

const digestBytes = 32
const digestOf = (data: Uint8Array) => createHash('sha256').update(data).digest()

/** Compiled code, if the file is whole: its digest, then the code. */
function readKept(file: string): Buffer | undefined {
  try {
    const bytes = readFileSync(file)
    const data = bytes.subarray(digestBytes)
    return digestOf(data).equals(bytes.subarray(0, digestBytes)) ? data : undefined
  } catch {
    return undefined
  }
}

function writeKept(file: string, data: Uint8Array): void {
  const folder = dirname(file)
  const temporary = `${file}.${pid}`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    // Those of earlier versions, and what killed commands left.
    for (const name of readdirSync(folder))
      if (keptName.test(name) && isOld(join(folder, name))) rmSync(join(folder, name), { force: true })
    writeFileSync(temporary, Buffer.concat([digestOf(data), data]), { mode: 0o600 })
    renameSync(temporary, file)
  } catch {
    try {
      rmSync(temporary, { force: true })
    } catch {
      // The folder is a file, or may not be searched.
    }
  }
}

/** NODE_COMPILE_CACHE may name a folder with other files. */
const keptName = /^[a-z]+-[0-9a-f]{32}\.bin(\.\d+)?$/
const oldestMs = 30 * 24 * 60 * 60 * 1000

const isOld = (path: string) => {
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.isFile() === true && Date.now() - found.mtimeMs > oldestMs
}
