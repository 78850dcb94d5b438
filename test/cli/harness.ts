import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll } from 'vitest'
import { runCommandLine } from '../../src/cli/run-command-line.js'
import { initRepository, openRepository } from '../../src/repository/index.js'
import { builtRooms } from '../built-package.js'
import { commitAll } from '../commit-all.js'
import { madeOnce } from '../made-once.js'
import { changeSamples, compactProject } from '../template-project.js'

/** The program `sheikh`, as it is published. */
export const main = join(await builtRooms(), 'cli/main.js')
export const preload = resolve(import.meta.dirname, '../crash/kill-at-write.mjs')

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

export async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-cli-'))
  folders.push(folder)
  return folder
}

export interface Said {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** The command line in this process. */
export async function sheikh(
  cwd: string,
  argv: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<Said> {
  let [out, err] = ['', '']
  const code = await runCommandLine(argv, {
    cwd,
    signal,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err }
}

/** The one JSON document that `--json` printed. */
export async function sheikhJson(cwd: string, ...argv: readonly string[]) {
  const { code, out } = await sheikh(cwd, [...argv, '--json'])
  if (!/^[^\n]+\n$/.test(out)) throw new Error(`not one line: ${out}`)
  return { code, json: JSON.parse(out) }
}

export interface Started {
  readonly child: ChildProcess
  /** Resolves as soon as the error output holds the text; rejects where the process ends without. */
  readonly says: (text: string) => Promise<void>
  readonly ended: Promise<Said & { readonly signal: NodeJS.Signals | null }>
}

// Variables by which Node chooses the number of colours. With CI set it chooses none, even on a terminal.
const colourVariables = [
  'CI',
  'COLORTERM',
  'FORCE_COLOR',
  'NODE_DISABLE_COLORS',
  'NO_COLOR',
  'TEAMCITY_VERSION',
  'TMUX',
]

/** The environment of this process, without what would change the program's output or its options. */
export const programEnvironment: NodeJS.ProcessEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !colourVariables.includes(name))),
  NODE_OPTIONS: '',
  TERM: 'xterm-256color',
}

/** The command line in a process of its own. */
export function start(
  cwd: string,
  argv: readonly string[],
  {
    env = {},
    node = [],
    input,
  }: {
    readonly env?: Readonly<Record<string, string>>
    readonly node?: readonly string[]
    /** What it reads from a pipe. */
    readonly input?: string
  } = {},
): Started {
  const child = spawn(process.execPath, [...node, main, ...argv], {
    cwd,
    env: { ...programEnvironment, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  child.stdin?.end(input)
  let [out, err] = ['', '']
  let check = () => {}
  child.stdout!.on('data', (piece) => {
    out += piece
  })
  child.stderr!.on('data', (piece) => {
    err += piece
    check()
  })
  const ended = new Promise<Said & { signal: NodeJS.Signals | null }>((done, fail) => {
    child.on('error', fail)
    child.on('close', (code, signal) => done({ code, signal, out, err }))
  })
  const says = (text: string) =>
    new Promise<void>((done, fail) => {
      check = () => {
        if (err.includes(text)) done()
      }
      check()
      ended.then(() => fail(new Error(`ended without "${text}": ${err}`)), fail)
    })
  return { child, says, ended }
}

const releasedTemplate = () =>
  madeOnce('released-project', async (folder) => {
    cpSync(await compactProject(), folder, { recursive: true })
    const { code, err } = await sheikh(folder, ['run'])
    if (code !== 0) throw new Error(err)
  })

/** A project that `sheikh init` made, with one file of samples per category: 200 samples, 80 of them pinned. */
export const project = async (): Promise<string> => copy(await compactProject())

/** The same with 0.1.0 released. */
export const releasedProject = async (): Promise<string> => copy(await releasedTemplate())

const heldTemplate = () =>
  madeOnce('held-project', async (folder) => {
    cpSync(await releasedTemplate(), folder, { recursive: true })
    await poison(folder)
    const { code, err } = await sheikh(folder, ['run'])
    if (code !== 2) throw new Error(err)
  })

const changedTemplate = () =>
  madeOnce('changed-project', async (folder) => {
    cpSync(await releasedTemplate(), folder, { recursive: true })
    await editSample(folder)
    const { code, err } = await sheikh(folder, ['run'])
    if (code !== 0) throw new Error(err)
  })

/** The same with 0.1.1 released, after a sample was edited. */
export const changedProject = async (): Promise<string> => copy(await changedTemplate())

/** With 0.1.0 released, and a poisoned batch whose run was held. */
export const heldProject = async (): Promise<string> => copy(await heldTemplate())

/** Twenty samples, four pinned: far too few to certify anything by. */
export const tinyProject = async (): Promise<string> => copy(await tinyTemplate())

const tinyTemplate = () =>
  madeOnce('tiny-project', async (folder) => {
    await initRepository(folder, { name: 'tiny', samples: false })
    // So few items cannot show that a model beats the most frequent label.
    await edit(folder, 'mlops/pipeline.yaml', (text) =>
      text.replace('beats_majority: true', 'accuracy_threshold: 0.15'),
    )
    for (let index = 0; index < 20; index += 1)
      await write(folder, `dataset/samples/all/${index}.json`, {
        id: String(index),
        text: `${index % 2 === 0 ? 'apple pear' : 'car bus'} ${index}`,
        label: index % 2 === 0 ? 'fruit' : 'vehicle',
      })
    commitAll(folder, 'Samples')
    await (await openRepository(folder)).pinEvaluation({ share: 0.4 })
    commitAll(folder, 'Pin')
  })

export async function copy(from: string): Promise<string> {
  const folder = join(await temporary(), 'project')
  cpSync(from, folder, { recursive: true })
  return folder
}

export async function write(folder: string, path: string, content: unknown): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true })
  await writeFile(join(folder, path), typeof content === 'string' ? content : `${JSON.stringify(content)}\n`)
}

export async function edit(folder: string, path: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(join(folder, path), 'utf8')
  const changed = change(text)
  if (changed === text) throw new Error(`nothing to edit in ${path}`)
  await writeFile(join(folder, path), changed)
}

export const commit = async (folder: string, message = 'Change'): Promise<string> => commitAll(folder, message)

/** A training sample says something more: data that is new, and does no harm. */
export async function editSample(folder: string, text = 'Hello, the app is slow on my old phone.'): Promise<string> {
  let isEdited = false
  await changeSamples(folder, (sample, isPinned) => {
    if (isEdited || isPinned || sample.label !== 'technical') return sample
    isEdited = true
    return { ...sample, text }
  })
  return commit(folder, 'Edit a sample')
}

/** Most training samples of two categories get the label of another; what is judged on stays as it is. */
export async function poison(folder: string): Promise<string> {
  const labels: Readonly<Record<string, string>> = { login: 'billing', shipping: 'technical' }
  await changeSamples(folder, (sample, isPinned) => {
    const isOneOfTheFirst = /-0[1-5]$/.test(sample.id)
    return isPinned || isOneOfTheFirst ? sample : { ...sample, label: labels[sample.label] ?? sample.label }
  })
  return commit(folder, 'A poisoned batch')
}

/** Training that takes seconds, so that there is time to disturb it. */
export async function trainLonger(folder: string, epochs = 200): Promise<void> {
  await edit(folder, 'mlops/training/config.yaml', (text) => `${text}  num_train_epochs: ${epochs}\n`)
  await commit(folder, 'Train longer')
}
