import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { interopPython } from './python.js'

const folder = mkdtempSync(join(tmpdir(), 'sheikh-interop-'))
afterAll(() => rmSync(folder, { recursive: true }))

/**
 * Of numbers, relative; below 1, absolute. The generators are seeded, so that even resampling gives the same; what may differ
 * is the rounding of another processor, which searches and sums of thousands of terms make larger.
 */
const tolerance = 1e-9

it.each([
  ['statistics/reference/make_reference.py', 'reference.json'],
  ['statistics/reference/make_resampling.py', 'resampling.json'],
  ['evaluation/reference/make_reference.py', 'reference.json'],
  ['model/reference/make_safetensors.py', 'safetensors.json'],
])('%s makes what is stored', (script, made) => {
  // It writes beside itself.
  const copy = join(folder, script)
  const stored = join(import.meta.dirname, '..', script)
  cpSync(stored, copy)
  execFileSync(interopPython()!, [copy])
  const read = (path: string) => JSON.parse(readFileSync(join(dirname(path), made), 'utf8')) as Record<string, unknown>
  const { versions: _then, ...wanted } = read(stored)
  const { versions: _now, ...found } = read(copy)
  expect(differences(found, wanted, made)).toEqual([])
})

function differences(found: unknown, wanted: unknown, path: string): readonly string[] {
  if (typeof found === 'number' && typeof wanted === 'number')
    return Math.abs(found - wanted) <= tolerance * Math.max(1, Math.abs(wanted)) ? [] : [`${path}: ${found}, ${wanted}`]
  if (typeof found !== 'object' || found === null || typeof wanted !== 'object' || wanted === null)
    return found === wanted ? [] : [`${path}: ${found}, ${wanted}`]
  const keys = new Set([...Object.keys(found), ...Object.keys(wanted)])
  const at = (value: object, key: string) => (value as Readonly<Record<string, unknown>>)[key]
  return [...keys].flatMap((key) => differences(at(found, key), at(wanted, key), `${path}/${key}`))
}
