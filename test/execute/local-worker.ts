// The module of the workers in tests of the local executor.
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import type { JobKind } from '../../src/execute/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { contractKinds } from '../../src/testing/executor-contract.js'
import { startProgram } from '../../src/trainer/command/index.js'

/** Writes its process id, works for a while, and makes an object. */
export const slow: JobKind<{ readonly path: string; readonly pauseMs: number }, number> = {
  ...{ name: 'slow', version: '1' },
  async run({ path, pauseMs }, { store, workers, ...context }) {
    await appendFile(path, `${process.pid}\n`)
    await setTimeout(pauseMs, undefined, { signal: context.signal })
    const made = await store.objects.put(new Uint8Array(1000).fill(workers), { ...context })
    return { value: process.pid, objects: { made } }
  },
}

/** Blocks its thread, so that it sees no signal and no message. */
export const busy: JobKind<{ readonly path: string }, null> = {
  ...{ name: 'busy', version: '1' },
  async run({ path }) {
    await writeFile(path, `${process.pid}`)
    for (;;) Math.sqrt(2)
  },
}

export const large: JobKind<{ readonly sizeMb: number }, number> = {
  ...{ name: 'large', version: '1' },
  async run({ sizeMb }) {
    const pieces: Buffer[] = []
    for (let piece = 0; piece < sizeMb; piece += 10) {
      pieces.push(Buffer.alloc(10 << 20, 1))
      await setTimeout(10)
    }
    return { value: pieces.length }
  },
}

export const leave: JobKind<null, null> = {
  ...{ name: 'leave', version: '1' },
  async run() {
    console.error('out of luck')
    process.exit(3)
  },
}

/** Starts a program that ignores SIGTERM and writes its process id, and then works as `then` says: by default it blocks its thread. */
export const program: JobKind<{ readonly path: string; readonly then?: 'wait' | 'memory' | 'kill' }, null> = {
  ...{ name: 'program', version: '1' },
  async run({ path, then }, { signal }) {
    const started = await startProgram({
      command: process.execPath,
      args: [
        '-e',
        `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); require('fs').appendFileSync(${JSON.stringify(path)}, process.pid + '\\n')`,
      ],
      ...{ cwd: '/', variables: {}, graceMs: 60_000, stdin: false, longestLineBytes: 1000 },
      ...{ onLine() {}, onErrorLine() {} },
    })
    signal.addEventListener('abort', () => void started.stop())
    while ((await readFile(path, 'utf8').catch(() => '')) === '') await setTimeout(5)
    while (then === undefined) Math.sqrt(2)
    if (then === 'kill') process.kill(process.pid, 'SIGKILL')
    const pieces: Buffer[] = []
    while (then === 'memory') {
      pieces.push(Buffer.alloc(10 << 20, 1))
      await setTimeout(10)
    }
    await started.ended
    signal.throwIfAborted()
    return { value: null }
  },
}

/** Reports progress after its end. */
export const late: JobKind<{ readonly pauseMs: number }, null> = {
  ...{ name: 'late', version: '1' },
  async run({ pauseMs }, { progress, log }) {
    if (pauseMs === 0)
      setInterval(() => {
        progress({ from: 'the first job' })
        log.warn('from the first job')
      }, 5)
    await setTimeout(pauseMs)
    return { value: null }
  },
}

/** Mentions a token in all ways. */
export const tell: JobKind<{ readonly token: string; readonly ends: boolean }, null> = {
  ...{ name: 'tell', version: '1' },
  async run({ token, ends }, { progress }) {
    progress({ token })
    console.error(`the token is ${token}`)
    await setTimeout(200)
    if (ends) process.exit(3)
    throw new Error(`cannot open https://ann:${token}@host.example`)
  },
}

export const worker = ({ folder, version = '1' }: { readonly folder: string; readonly version?: string }) => ({
  store: directoryStore(folder),
  kinds: [...contractKinds, { ...slow, version }, busy, large, leave, program, late, tell] as readonly JobKind<
    never,
    unknown
  >[],
})

export const noParts = () => ({ store: null })
export const failing = () => {
  throw new Error('no such bucket')
}

/** Notes the start, and makes no parts. */
export const hanging = async ({ folder }: { readonly folder: string }) => {
  await writeFile(`${folder}/notes`, `${process.pid}\n`)
  for (;;) Math.sqrt(2)
}

/** The first process is killed while it starts. */
export const killedOnce = async (options: { readonly folder: string }) => {
  const path = `${options.folder}/notes`
  const isFirst = (await readFile(path, 'utf8').catch(() => '')) === ''
  await writeFile(path, 'started')
  if (isFirst) process.kill(process.pid, 'SIGKILL')
  return worker(options)
}
