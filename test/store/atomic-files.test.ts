import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext, digestBytes, SheikhError } from '../../src/core/index.js'
import {
  appendLine,
  copyFileDurably,
  createExclusively,
  errnoOf,
  isStorageFault,
  isTemporaryName,
  makeDirectory,
  readJsonFile,
  readTextFile,
  renameDurably,
  storageFailed,
  writeFileAtomic,
} from '../../src/store/index.js'

const context = callContext()
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-atomic-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('writeFileAtomic', () => {
  it('makes the folders, replaces what was there and leaves nothing else', async () => {
    const path = join(folder, 'a', 'b', 'c.json')
    await writeFileAtomic(path, 'one')
    await writeFileAtomic(path, Buffer.from('two'))
    expect(await readTextFile(path)).toBe('two')
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['c.json'])
  })

  it('of many writers at once the file is whole, by one of them', async () => {
    const path = join(folder, 'a.txt')
    const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(50_000))
    await Promise.all(texts.map((text) => writeFileAtomic(path, text)))
    expect(texts).toContain(await readFile(path, 'utf8'))
    expect(await readdir(folder)).toEqual(['a.txt'])
  })

  it('where the name cannot be replaced, what is there stays and no temporary file is left', async () => {
    await mkdir(join(folder, 'taken', 'full'), { recursive: true })
    await expect(writeFileAtomic(join(folder, 'taken'), 'x')).rejects.toMatchObject({ code: 'storage-failed' })
    expect(await readdir(folder)).toEqual(['taken'])
  })

  it('writes a name of 255 bytes', async () => {
    const path = join(folder, 'n'.repeat(255))
    await writeFileAtomic(path, 'x')
    expect(await readTextFile(path)).toBe('x')
  })
})

describe('copyFileDurably', () => {
  it('copies megabytes and says what it copied', async () => {
    const bytes = Buffer.alloc(3_000_001, 'pattern')
    await writeFile(join(folder, 'from'), bytes)
    const copied = await copyFileDurably(join(folder, 'from'), join(folder, 'x', 'to'), context)
    expect(copied).toEqual({ digest: digestBytes(bytes), sizeBytes: bytes.length })
    expect(bytes.equals(await readFile(join(folder, 'x', 'to')))).toBe(true)
  })

  it('refuses other bytes than expected, a link, and a file that is not there', async () => {
    await writeFile(join(folder, 'from'), 'x')
    await symlink(join(folder, 'from'), join(folder, 'link'))
    const copy = (name: string) =>
      copyFileDurably(join(folder, name), join(folder, 'to'), context, { expected: digestBytes('y') })
    await expect(copy('from')).rejects.toMatchObject({ code: 'artifact-corrupt' })
    await expect(copy('link')).rejects.toMatchObject({ code: 'artifact-corrupt' })
    await expect(copy('absent')).rejects.toMatchObject({ code: 'not-found' })
    expect((await readdir(folder)).sort()).toEqual(['from', 'link'])
  })

  it('an abort leaves nothing', async () => {
    await writeFile(join(folder, 'from'), 'x')
    const signal = AbortSignal.abort('enough')
    const copying = copyFileDurably(join(folder, 'from'), join(folder, 'to'), callContext({ signal }))
    await expect(copying).rejects.toBe('enough')
    expect(await readdir(folder)).toEqual(['from'])
  })
})

describe('the rest', () => {
  it('createExclusively: a file where a folder should be is an error, not a name that is taken', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(createExclusively(join(folder, 'file', 'a'), 'x')).rejects.toMatchObject({ code: 'storage-failed' })
    const options = { temporaryFolder: join(folder, 'file') }
    await expect(createExclusively(join(folder, 'b', 'c'), 'x', options)).rejects.toMatchObject({
      code: 'storage-failed',
    })
  })

  it('createExclusively: of many one makes the file, whole', async () => {
    const path = join(folder, 'lock')
    const made = await Promise.all(Array.from({ length: 10 }, (_, index) => createExclusively(path, `by ${index}`)))
    expect(made.filter(Boolean)).toHaveLength(1)
    expect(await readTextFile(path)).toBe(`by ${made.indexOf(true)}`)
    expect(await readdir(folder)).toEqual(['lock'])
  })

  it('appendLine ends what a crash cut short by removing it', async () => {
    const path = join(folder, 'log')
    await appendFile(path, 'torn')
    await appendLine(path, 'one')
    await appendFile(path, 'torn again')
    await appendLine(path, 'two', { durable: false })
    expect(await readTextFile(path)).toBe('one\ntwo\n')
  })

  it('makeDirectory names what is in the way, and ends for a path that cannot exist', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(makeDirectory(join(folder, 'file', 'a', 'b'))).rejects.toMatchObject({
      code: 'storage-failed',
      facts: { errno: 'ENOTDIR' },
    })
    await expect(makeDirectory(join(folder, 'file'))).rejects.toMatchObject({ facts: { errno: 'EEXIST' } })
    await symlink(join(folder, 'nowhere'), join(folder, 'link'))
    await expect(makeDirectory(join(folder, 'link', 'a'))).rejects.toMatchObject({ code: 'storage-failed' })
    await expect(makeDirectory('')).rejects.toMatchObject({ facts: { errno: 'ENOENT' } })
    await Promise.all(Array.from({ length: 20 }, () => makeDirectory(join(folder, 'p', 'q', 'r'))))
    expect(await readdir(join(folder, 'p', 'q'))).toEqual(['r'])
  })

  it('renameDurably moves a folder', async () => {
    await makeDirectory(join(folder, 'a', 'b'))
    await makeDirectory(join(folder, 'c'))
    await renameDurably(join(folder, 'a', 'b'), join(folder, 'c', 'd'))
    expect(await readdir(join(folder, 'c'))).toEqual(['d'])
  })

  it('readJsonFile gives nothing for a file that is absent or torn', async () => {
    const path = join(folder, 'a.json')
    expect(await readJsonFile(path)).toBe(undefined)
    expect(await readJsonFile(join(path, 'below'))).toBe(undefined)
    await writeFile(path, '{"a":1}')
    expect(await readJsonFile(path)).toEqual({ a: 1 })
    await writeFile(path, '{"a":')
    expect(await readJsonFile(path)).toBe(undefined)
  })

  it('a temporary name is told from any other', () => {
    expect(isTemporaryName('.a.json.123e4567-e89b-12d3-a456-426614174000.tmp')).toBe(true)
    for (const name of ['a.json', '.a.tmp', 'a.123e4567-e89b-12d3-a456-426614174000.tmp'])
      expect(isTemporaryName(name)).toBe(false)
  })

  it.each(['ENOSPC', 'EROFS', 'EACCES', 'ENOENT', 'EISDIR', 'ENAMETOOLONG', 'ELOOP', 'EBUSY', 'ESTALE', 'EUCLEAN'])(
    'the errno %s reaches the caller as a typed error that says what to do',
    (code) => {
      const cause = Object.assign(new Error('failed'), { code, path: '/a/b' })
      expect(storageFailed('write', '/a/b', cause)).toMatchObject({
        code: 'storage-failed',
        retryable: true,
        facts: { path: '/a/b', errno: code },
        cause,
        message: expect.stringMatching(`^Cannot write "/a/b" \\(${code}\\): .*run again`) as unknown,
      })
    },
  )

  it('an error that is not of a file stays what it is', () => {
    const others = [
      new Error('other'),
      Object.assign(new Error('connect'), { code: 'ECONNREFUSED', syscall: 'connect' }),
      Object.assign(new Error('aborted'), { code: 'ABORT_ERR' }),
      new SheikhError('release-conflict', 'taken'),
    ]
    for (const other of others) expect(storageFailed('write', '/a/b', other)).toBe(other)
  })

  it('errnoOf finds the code of the operating system, within a storage-failed too', async () => {
    const gone = await renameDurably(join(folder, 'gone'), join(folder, 'to')).catch((error: unknown) => error)
    expect(gone).toMatchObject({ code: 'storage-failed' })
    expect(errnoOf(gone)).toBe('ENOENT')
    expect(errnoOf(new SheikhError('release-conflict', 'taken'))).toBe(undefined)
  })

  it('only what no code can help is a fault of the storage', () => {
    const ofCode = (code: string) => isStorageFault(Object.assign(new Error('failed'), { code }))
    expect(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EACCES', 'EMFILE'].every(ofCode)).toBe(true)
    expect(['ENOENT', 'EISDIR', 'ECONNREFUSED', 'EEXIST'].some(ofCode)).toBe(false)
  })
})
