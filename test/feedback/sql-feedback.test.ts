import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import sqlite from 'node-sqlite3-wasm'
import { afterAll, describe, expect, it } from 'vitest'
import { callContext, digestBytes } from '../../src/core/index.js'
import { type LoggedPrediction, type SqlQuery, sqlFeedback } from '../../src/feedback/index.js'
import { feedbackContract } from '../../src/testing/feedback-contract.js'
import { itInFull } from '../in-full.js'

const context = callContext()

const entry = (id: string, input: string): LoggedPrediction => ({
  kind: 'prediction',
  id,
  timeMs: 1,
  release: { version: '0.1.0', bundle: digestBytes('bundle') },
  input,
  prediction: { kind: 'number', value: 1 },
})

describe('sqlFeedback with Postgres', () => {
  let database: Promise<PGlite> | undefined
  let tables = 0
  afterAll(async () => (await database)?.close())
  const query: SqlQuery = async (sql, parameters) => {
    database ??= PGlite.create()
    return (await (await database).query<Record<string, unknown>>(sql, [...parameters])).rows
  }

  // Its start takes 5 s of CPU. SQLite shows the contract, too.
  feedbackContract(itInFull, async () => {
    tables += 1
    const open = () => sqlFeedback({ query, dialect: 'postgres', table: `feedback_${tables}` })
    return { store: open(), reopen: open, dispose: async () => {} }
  })

  it('names the table and the error of the database', async () => {
    const store = sqlFeedback({ query: async () => Promise.reject(new Error('no connection')), dialect: 'postgres' })
    await expect(store.append([entry('a', 'b')], context)).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: true,
      message: expect.stringContaining('the table sheikh_feedback of the feedback store (no connection)'),
    })
  })

  itInFull('lets others use a table that is being made when one caller gives up', async () => {
    let make = () => {}
    const made = new Promise<void>((resolve) => {
      make = resolve
    })
    const slow: SqlQuery = async (sql, parameters) => {
      if (sql.startsWith('CREATE')) await made
      return await query(sql, parameters)
    }
    const store = sqlFeedback({ query: slow, dialect: 'postgres', table: 'shared' })
    const leaving = new AbortController()
    const gone = store.append([entry('a', 'b')], callContext({ signal: leaving.signal }))
    const stays = store.append([entry('c', 'd')], context)
    leaving.abort(new Error('the client left'))
    make()
    await expect(gone).rejects.toThrow('the client left')
    expect(await stays).toBe(1)
    expect(await store.prediction('a', context)).toBeUndefined()
  })

  it('refuses a table that is no plain name', () => {
    expect(() => sqlFeedback({ query, dialect: 'postgres', table: 'a; DROP TABLE b' })).toThrow('is not a name')
  })
})

describe('sqlFeedback with SQLite', () => {
  const openFile = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-feedback-'))
    const file = join(folder, 'feedback.sqlite')
    const database = new sqlite.Database(file)
    const query: SqlQuery = async (sql, parameters) => database.all(sql, [...parameters]) as Record<string, unknown>[]
    const dispose = async () => {
      database.close()
      await rm(folder, { recursive: true })
    }
    return { file, open: () => sqlFeedback({ query, dialect: 'sqlite' }), dispose }
  }

  feedbackContract(it, async () => {
    const { open, dispose } = await openFile()
    return { store: open(), reopen: open, dispose }
  })

  it('reads more entries than one statement returns, and adds more than a statement has parameters', async () => {
    const { open, dispose } = await openFile()
    const many = Array.from({ length: 12_000 }, (_, index) => entry(`r/${index}`, 'x'))
    expect(await open().append(many, context)).toBe(12_000)
    let count = 0
    for await (const { id } of open().read({}, context)) {
      if (id !== `r/${count}`) throw new Error(`${id} is at the place of ${count}`)
      count += 1
    }
    expect(count).toBe(12_000)
    await dispose()
  })

  it('erases the bytes of the file', async () => {
    const { file, open, dispose } = await openFile()
    await open().append([entry('a', 'secret words'), entry('b', 'other words')], context)
    expect(await readFile(file, 'latin1')).toContain('secret words')
    await open().erase(['a'], context)
    const text = await readFile(file, 'latin1')
    expect(text).not.toContain('secret words')
    expect(text).toContain('other words')
    await dispose()
  })
})
