import { randomBytes } from 'node:crypto'
import { type CallContext, isSheikhError, type Json, messageOf, SheikhError } from '../core/index.js'
import { checkEntries, corrupt, isInRange, newEntries, parseEntry } from './entry-shape.js'
import type { FeedbackEntry, FeedbackStore } from './feedback.js'

/** Runs one statement and returns its rows, with columns by name. Parameters are texts and numbers. */
export type SqlQuery = (
  sql: string,
  parameters: readonly (string | number)[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>

export interface SqlFeedbackOptions {
  /** Runs a statement on your connection or pool. */
  readonly query: SqlQuery
  /** Decides how parameters are written: `?` or `$1`. SQLite from 3.38, Postgres from 9.5. */
  readonly dialect: 'sqlite' | 'postgres'
  /** The table, made on first use: a name of lower-case letters, digits and `_`. @default 'sheikh_feedback' */
  readonly table?: string | undefined
}

/**
 * Keeps feedback in a table of SQLite or Postgres, through a function that you give. No driver is imported.
 *
 * Erasing deletes rows. SQLite also overwrites their bytes in the database file; its write-ahead log has them until the
 * next checkpoint. Postgres overwrites them after VACUUM; its write-ahead log and your backups keep them.
 *
 * @example
 * ```ts
 * import { sqlFeedback } from 'sheikh-freemium/feedback'
 *
 * declare const pool: { query(sql: string, values: unknown[]): Promise<{ rows: Record<string, unknown>[] }> }
 * const store = sqlFeedback({
 *   dialect: 'postgres',
 *   query: async (sql, parameters) => (await pool.query(sql, [...parameters])).rows,
 * })
 * ```
 *
 * @throws `invalid-options`; from its methods `storage-failed` with the error of the database as `cause`, `artifact-corrupt`.
 */
export function sqlFeedback({ query, dialect, table = 'sheikh_feedback' }: SqlFeedbackOptions): FeedbackStore {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(table))
    throw new SheikhError(
      'invalid-options',
      `Cannot open the feedback store: the table ${JSON.stringify(table)} is not a name of lower-case letters, digits and "_".`,
    )
  const isPostgres = dialect === 'postgres'
  const at = (position: number) => (isPostgres ? `$${position}` : '?')
  let opening: Promise<void> | undefined

  async function run(sql: string, parameters: readonly (string | number)[], context: CallContext) {
    context.signal.throwIfAborted()
    try {
      return await query(sql, parameters)
    } catch (error) {
      throw failed(table, error)
    }
  }

  async function create(context: CallContext): Promise<void> {
    const sequence = isPostgres ? 'bigserial PRIMARY KEY' : 'integer PRIMARY KEY AUTOINCREMENT'
    const sql = `CREATE TABLE IF NOT EXISTS ${table} (sequence ${sequence}, id text NOT NULL UNIQUE, kind text NOT NULL, entry text NOT NULL)`
    // Two that make the table at once may collide in Postgres, although it says IF NOT EXISTS.
    await run(sql, [], context).catch(() => run(sql, [], context))
  }

  async function rowsOf(sql: string, parameters: readonly (string | number)[], context: CallContext) {
    context.signal.throwIfAborted()
    // Without the signal: others wait for the same table, and one that gives up must not fail them.
    opening ??= create({ ...context, signal: new AbortController().signal }).catch((error: unknown) => {
      opening = undefined
      throw error
    })
    await opening
    return await run(sql, parameters, context)
  }

  /** One statement, so that all rows are added or none. The rows are one parameter, because their number has a limit. */
  async function insert(entries: readonly { id: string; kind: string; entry: string }[], context: CallContext) {
    const rows = JSON.stringify(entries.map((row, position) => ({ ...row, position })))
    const from = isPostgres
      ? 'json_to_recordset($1::json) AS added(id text, kind text, entry text, position integer)'
      : "(SELECT value ->> 'id' AS id, value ->> 'kind' AS kind, value ->> 'entry' AS entry, value ->> 'position' AS position FROM json_each(?))"
    const sql = `INSERT INTO ${table} (id, kind, entry) SELECT id, kind, entry FROM ${from} WHERE true ORDER BY position ON CONFLICT (id) DO NOTHING RETURNING id`
    return (await rowsOf(sql, [rows], context)).length
  }

  const entryIn = (text: unknown): FeedbackEntry => {
    let value: Json
    try {
      value = JSON.parse(String(text)) as Json
    } catch {
      throw corrupt(`the table ${table}`, 'a row is not JSON')
    }
    return parseEntry(value, `the table ${table}`)
  }

  return {
    async append(entries, context) {
      context.signal.throwIfAborted()
      checkEntries(entries)
      const added = await newEntries(entries, () => false)
      if (added.length === 0) return 0
      const rows = added.map((entry) => ({ id: entry.id, kind: entry.kind, entry: JSON.stringify(entry) }))
      return await insert(rows, context)
    },
    async *read(range, context) {
      for (let last = 0; ; ) {
        const sql = `SELECT sequence, entry FROM ${table} WHERE sequence > ${at(1)} AND kind <> 'secret' ORDER BY sequence LIMIT ${rowsAtOnce}`
        const rows = await rowsOf(sql, [last], context)
        for (const { entry: text } of rows) {
          const entry = entryIn(text)
          if (isInRange(entry, range)) yield entry
        }
        if (rows.length < rowsAtOnce) return
        last = Number(rows.at(-1)!['sequence'])
      }
    },
    async prediction(id, context) {
      // Postgres has no text with U+0000, and no id has one.
      if (id.includes('\u0000')) return undefined
      const sql = `SELECT entry FROM ${table} WHERE id = ${at(1)} AND kind = 'prediction'`
      const [row] = await rowsOf(sql, [id], context)
      const entry = row && entryIn(row['entry'])
      return entry?.kind === 'prediction' ? entry : undefined
    },
    async erase(ids, context) {
      // Overwrites deleted rows. It is a setting of the connection.
      if (!isPostgres) await rowsOf('PRAGMA secure_delete = ON', [], context)
      const list = isPostgres ? '(SELECT json_array_elements_text($1::json))' : '(SELECT value FROM json_each(?))'
      const known = ids.filter((id) => !id.includes('\u0000'))
      await rowsOf(`DELETE FROM ${table} WHERE kind <> 'secret' AND id IN ${list}`, [JSON.stringify(known)], context)
    },
    async secret(context) {
      // No entry has an empty id.
      await insert([{ id: '', kind: 'secret', entry: randomBytes(32).toString('hex') }], context)
      const [row] = await rowsOf(`SELECT entry FROM ${table} WHERE id = '' AND kind = 'secret'`, [], context)
      return String(row?.['entry'])
    },
  }
}

const rowsAtOnce = 500

function failed(table: string, error: unknown): unknown {
  if (isSheikhError(error)) return error
  return new SheikhError(
    'storage-failed',
    `Cannot use the table ${table} of the feedback store (${messageOf(error)}). Check the database and its rights, and try again.`,
    { facts: { table }, cause: error, retryable: true },
  )
}
