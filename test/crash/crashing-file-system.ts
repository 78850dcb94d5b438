// A disk that stops at a write, in this process: as after SIGKILL, nothing that follows happens, and the code that waits for it
// waits forever. Unlike a killed process, it can also lose what was never flushed, as a power failure does.
import type { PathLike } from 'node:fs'
import { linkSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { type FileHandle, open, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { FileSystem } from '../../src/store/index.js'

export interface CrashOptions {
  /** The write that does not happen, from 1. @default none */
  readonly at?: number | undefined
  /** Whether a call that writes content writes the first half of it before the crash. @default false */
  readonly half?: boolean | undefined
  /** The error of write `at` and of all that follow and need space, in place of a crash: `ENOSPC`. */
  readonly failure?: string | undefined
}

export interface CrashingFileSystem {
  readonly fileSystem: FileSystem
  /** Resolves when write `at` was reached. */
  readonly crashed: Promise<void>
  /** How many writes there were. */
  count(): number
  /**
   * Takes back what was never flushed.
   *
   * @param isLost which of the unflushed changes are lost, by their number from 0. @default all
   */
  lose(isLost?: (index: number) => boolean): Promise<void>
}

/** Takes one change back. The later of two changes is taken back first. */
type Undo = () => void

// What works on a full disk: removing and cutting, and what was written may be renamed and flushed.
const spaceless = new Set(['rm', 'rmdir', 'rename', 'truncate', 'sync', 'utimes'])

export function crashingFileSystem({ at = 0, half = false, failure }: CrashOptions = {}): CrashingFileSystem {
  const stash = mkdtempSync(join(tmpdir(), 'sheikh-stash-'))
  /** Changes of a folder's names that its flush has not followed, and of a file's content, by path of folder or by file. */
  let unflushed: { readonly of: string | number; readonly undo: Undo }[] = []
  let count = 0
  let stashed = 0
  let isDown = false
  let tell = () => {}
  const crashed = new Promise<void>((done) => {
    tell = done
  })
  const forever = new Promise<never>(() => {})

  /** Counts a call; a call after the crash never ends. */
  async function meet(name: string, writeHalf?: () => Promise<void>): Promise<void> {
    if (isDown) return forever
    count += 1
    if (at === 0 || count < at) return
    if (failure !== undefined) {
      if (count > at && spaceless.has(name)) return
      if (['rm', 'rmdir', 'truncate'].includes(name)) return
      await writeHalf?.()
      throw Object.assign(new Error(`${failure}: made to fail by a test, ${name}`), { code: failure, syscall: name })
    }
    isDown = true
    if (half) await writeHalf?.()
    tell()
    return forever
  }

  const pathOf = (path: PathLike | FileHandle) => resolve(String(path))
  const note = (of: string | number, undo: Undo) => unflushed.push({ of, undo })
  const flushed = (of: string | number) => {
    unflushed = unflushed.filter((entry) => entry.of !== of)
  }
  const statOf = (path: string) => statSync(path, { throwIfNoEntry: false })
  const remove = (path: string) => rmSync(path, { recursive: true, force: true })

  const nextKept = () => {
    stashed += 1
    return join(stash, String(stashed))
  }

  /** Moves away what is at a path, which is about to be removed. */
  function keep(path: string): string | undefined {
    if (statOf(path) === undefined) return undefined
    const kept = nextKept()
    renameSync(path, kept)
    return kept
  }

  /** A crashed run closes nothing. */
  const handles: FileHandle[] = []
  let files = 0
  function watched(handle: FileHandle, path: string): FileHandle {
    files += 1
    const id = files
    let isFlushed = true
    const beforeWriting = async () => {
      if (!isFlushed) return
      isFlushed = false
      const { size, ino } = await handle.stat()
      note(id, () => {
        const now = statOf(path)
        // The name may be another's by now; a file that was renamed is found by the undoing of its new name.
        if (now?.ino === ino) truncateSync(path, Math.min(size, now.size))
      })
    }
    const writing =
      (name: 'write' | 'writeFile' | 'appendFile') =>
      async (...parameters: readonly unknown[]) => {
        const whole = parameters[0] as string | Uint8Array
        const bytes = typeof whole === 'string' ? Buffer.from(whole) : whole
        await meet('write', async () => void (await handle.write(bytes.subarray(0, bytes.length / 2))))
        await beforeWriting()
        return await (handle[name] as (...all: readonly unknown[]) => Promise<unknown>)(...parameters)
      }
    const calls: Readonly<Record<string, unknown>> = {
      write: writing('write'),
      writeFile: writing('writeFile'),
      appendFile: writing('appendFile'),
      async truncate(length: number) {
        await meet('truncate')
        await handle.truncate(length)
      },
      async sync() {
        // What the disk has is kept here: nothing needs a real flush, which takes most of the time.
        await meet('sync')
        flushed(id)
        isFlushed = true
      },
    }
    return new Proxy(handle, {
      get(target, name) {
        if (typeof name === 'string' && name in calls) return calls[name]
        const value = Reflect.get(target, name, target) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  const fileSystem = {
    async link(from: PathLike, to: PathLike) {
      await meet('link')
      linkSync(from, to)
      note(dirname(pathOf(to)), () => remove(pathOf(to)))
    },
    async mkdir(path: PathLike) {
      await meet('mkdir')
      mkdirSync(path)
      note(dirname(pathOf(path)), () => remove(pathOf(path)))
      return undefined
    },
    async open(path: PathLike, flags: string) {
      if (flags === 'r') {
        const handle = await open(path, flags)
        handles.push(handle)
        if (!(await handle.stat()).isDirectory()) return handle
        return new Proxy(handle, {
          get(target, name) {
            if (name === 'sync')
              return async () => {
                await meet('sync')
                flushed(pathOf(path))
              }
            const value = Reflect.get(target, name, target) as unknown
            return typeof value === 'function' ? value.bind(target) : value
          },
        })
      }
      await meet('open')
      const isNew = statOf(pathOf(path)) === undefined
      const handle = await open(path, flags)
      handles.push(handle)
      if (isNew) note(dirname(pathOf(path)), () => remove(pathOf(path)))
      return watched(handle, pathOf(path))
    },
    async rename(from: PathLike, to: PathLike) {
      await meet('rename')
      const [source, target] = [pathOf(from), pathOf(to)]
      // By a second name, so that the rename itself replaces the file: readers never miss it.
      const kept = statOf(target)?.isFile() === true ? nextKept() : undefined
      if (kept !== undefined) linkSync(target, kept)
      renameSync(source, target)
      note(dirname(target), () => {
        renameSync(target, source)
        if (kept !== undefined) renameSync(kept, target)
      })
    },
    async rm(path: PathLike, options: { readonly force?: boolean; readonly recursive?: boolean } = {}) {
      await meet('rm')
      const kept = keep(pathOf(path))
      if (kept === undefined) {
        if (options.force !== true) rmSync(path, options)
        return
      }
      note(dirname(pathOf(path)), () => renameSync(kept, pathOf(path)))
    },
    async rmdir(path: PathLike) {
      await meet('rmdir')
      rmdirSync(path)
      note(dirname(pathOf(path)), () => void mkdirSync(path))
    },
    async utimes(path: PathLike, accessed: Date, modified: Date) {
      await meet('utimes')
      await utimes(path, accessed, modified)
    },
  } as unknown as FileSystem

  return {
    fileSystem,
    crashed,
    count: () => count,
    async lose(isLost = () => true) {
      const lost = unflushed.filter((_, index) => isLost(index)).reverse()
      // What an earlier loss took away, a later one need not.
      for (const { undo } of lost)
        try {
          undo()
        } catch {}
      unflushed = []
      for (const handle of handles) await handle.close().catch(() => {})
      rmSync(stash, { recursive: true, force: true })
    },
  }
}
