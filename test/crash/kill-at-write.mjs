// Preloaded (`node --import`) into a process that is to die, or to meet a full disk, at a write that a test chooses.
// Every call that changes the file system is counted, whichever of Node's file APIs makes it.
//
//   KILL_AT=N      SIGKILL instead of the Nth call (from 1).   KILL_HALF=1  a call that writes writes half of it first
//   FAIL_AT=N      the Nth call fails, after writing half; removing never does.     FAIL_CODE    as what (ENOSPC)
//   FAIL_STAYS=1   so does every later one that needs space: the disk stays full
//   COUNT_UNDER    only calls on paths below this folder count (tsx and others write caches of their own)
//   COUNT_ONLY     only these calls count, by name and with commas between: sync,fsync
//   COUNT_FILE     where the number of calls is written when the process ends
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { resolve, sep } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'

const {
  KILL_AT,
  KILL_HALF,
  FAIL_AT,
  FAIL_CODE = 'ENOSPC',
  FAIL_STAYS,
  COUNT_UNDER,
  COUNT_ONLY,
  COUNT_FILE,
} = process.env
const killAt = Number(KILL_AT ?? 0)
const failAt = Number(FAIL_AT ?? 0)
const errnos = { ENOSPC: -28, EIO: -5, EROFS: -30, EDQUOT: -122, EACCES: -13, EMFILE: -24 }
const only = COUNT_ONLY === undefined ? undefined : new Set(COUNT_ONLY.split(','))
const original = { writeFileSync: fs.writeFileSync }
let count = 0

// Name → how many of the first arguments are paths. `open` counts where its flags make or change a file.
const pathCalls = {
  appendFile: 1,
  chmod: 1,
  chown: 1,
  copyFile: 2,
  cp: 2,
  lchown: 1,
  link: 2,
  lutimes: 1,
  mkdir: 1,
  mkdtemp: 1,
  open: 1,
  rename: 2,
  rm: 1,
  rmdir: 1,
  symlink: 2,
  truncate: 1,
  unlink: 1,
  utimes: 1,
  writeFile: 1,
} // prettier-ignore
const handleCalls = ['appendFile', 'datasync', 'sync', 'truncate', 'write', 'writeFile', 'writev']
const descriptorCalls = ['fdatasync', 'fsync', 'ftruncate', 'write', 'writev']
// What works on a full disk: to remove and to cut always, the others once the disk stays full.
const freeing = new Set(['rm', 'rmdir', 'unlink', 'truncate', 'ftruncate'])
const spaceless = new Set([
  'rename',
  'sync',
  'datasync',
  'fsync',
  'fdatasync',
  'chmod',
  'chown',
  'lchown',
  'utimes',
  'lutimes',
])

const pathOfHandle = new WeakMap()
const pathOfDescriptor = new Map()

const text = (path) => (path instanceof URL ? fileURLToPath(path) : String(path))
const under = COUNT_UNDER === undefined ? undefined : resolve(COUNT_UNDER)
const counts = (path) => {
  if (under === undefined) return true
  const whole = resolve(text(path))
  return whole === under || whole.startsWith(under + sep)
}
const opensForReading = (flags) =>
  flags === undefined ||
  flags === null ||
  flags === 'r' ||
  flags === 'rs' ||
  (typeof flags === 'number' && (flags & 3) === 0 && (flags & fs.constants.O_CREAT) === 0) // prettier-ignore

/** Counts a call; dies, or gives the error that it must fail with. `writeHalf` is called before either. */
function meet(name, writeHalf) {
  if (only !== undefined && !only.has(name)) return undefined
  count += 1
  if (count === killAt) {
    if (KILL_HALF) writeHalf?.()
    process.kill(process.pid, 'SIGKILL')
    // The signal is on its way; nothing more may happen here until it arrives.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }
  const fails = count === failAt || (FAIL_STAYS && failAt > 0 && count > failAt && !spaceless.has(name))
  if (!fails || freeing.has(name)) return undefined
  writeHalf?.()
  const error = new Error(`${FAIL_CODE}: made to fail by a test, ${name}`)
  return Object.assign(error, { code: FAIL_CODE, errno: errnos[FAIL_CODE] ?? -1, syscall: name })
}

const halfOf = (data) =>
  typeof data === 'string'
    ? Buffer.from(data).subarray(0, data.length / 2)
    : ArrayBuffer.isView(data)
      ? Buffer.from(data.buffer, data.byteOffset, Math.floor(data.byteLength / 2))
      : Buffer.alloc(0) // prettier-ignore

const realWriteSync = fs.writeSync
const realOpenSync = fs.openSync
const realCloseSync = fs.closeSync
function writeHalfTo(path, flags, data) {
  return () => {
    const descriptor = realOpenSync(path, flags)
    realWriteSync(descriptor, halfOf(data))
    realCloseSync(descriptor)
  }
}
const halfFor = (name, path, data) =>
  name === 'writeFile' ? writeHalfTo(path, 'w', data) : name === 'appendFile' ? writeHalfTo(path, 'a', data) : undefined

function meetPathCall(name, pathCount, args) {
  if (args[0] !== null && typeof args[0] === 'object' && 'fd' in args[0]) return undefined
  if (typeof args[0] === 'number') return undefined
  if (name === 'open' && opensForReading(args[1])) return undefined
  if (!args.slice(0, pathCount).some(counts)) return undefined
  return meet(name, halfFor(name, args[0], args[1]))
}

function patchPath(name, pathCount) {
  const promised = fs.promises[name]
  if (promised !== undefined)
    fs.promises[name] = async (...args) => {
      const error = meetPathCall(name, pathCount, args)
      if (error !== undefined) throw error
      const result = await promised.apply(fs.promises, args)
      if (name === 'open') pathOfHandle.set(result, text(args[0]))
      return result
    }
  const sync = fs[`${name}Sync`]
  if (sync !== undefined)
    fs[`${name}Sync`] = (...args) => {
      const error = meetPathCall(name, pathCount, args)
      if (error !== undefined) throw error
      const result = sync.apply(fs, args)
      if (name === 'open') pathOfDescriptor.set(result, text(args[0]))
      return result
    }
  const called = fs[name]
  if (called !== undefined)
    fs[name] = (...args) => {
      const error = meetPathCall(name, pathCount, args)
      const done = args.at(-1)
      if (error !== undefined) return void process.nextTick(done, error)
      if (name === 'open')
        args[args.length - 1] = (failure, descriptor) => {
          if (!failure) pathOfDescriptor.set(descriptor, text(args[0]))
          done(failure, descriptor)
        }
      return called.apply(fs, args)
    }
}

function patchDescriptor(name) {
  const meetIt = (descriptor, data) => {
    const path = pathOfDescriptor.get(descriptor)
    if (under !== undefined && (path === undefined || !counts(path))) return undefined
    return meet(name, name === 'write' ? () => realWriteSync(descriptor, halfOf(data)) : undefined)
  }
  const sync = fs[`${name}Sync`]
  fs[`${name}Sync`] = (...args) => {
    const error = meetIt(args[0], args[1])
    if (error !== undefined) throw error
    return sync.apply(fs, args)
  }
  const called = fs[name]
  fs[name] = (...args) => {
    const error = meetIt(args[0], args[1])
    if (error !== undefined) return void process.nextTick(args.at(-1), error)
    return called.apply(fs, args)
  }
}

async function patchHandles() {
  const handle = await fs.promises.open(fileURLToPath(import.meta.url), 'r')
  const prototype = Object.getPrototypeOf(handle)
  await handle.close()
  // `appendFile` and `writeFile` of a handle call its `write` inside Node, past this patch: one call, one count.
  for (const name of handleCalls) {
    const real = prototype[name]
    prototype[name] = async function (...args) {
      const path = pathOfHandle.get(this)
      if (under === undefined || (path !== undefined && counts(path))) {
        const writes = name === 'write' || name === 'writeFile' || name === 'appendFile'
        const error = meet(name, writes ? () => realWriteSync(this.fd, halfOf(args[0])) : undefined)
        if (error !== undefined) throw error
      }
      return await real.apply(this, args)
    }
  }
}

await patchHandles()
for (const [name, pathCount] of Object.entries(pathCalls)) patchPath(name, pathCount)
for (const name of descriptorCalls) patchDescriptor(name)
syncBuiltinESMExports()
if (COUNT_FILE !== undefined && isMainThread)
  process.on('exit', () => original.writeFileSync(COUNT_FILE, String(count)))
