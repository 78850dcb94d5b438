import { hexOf, type Json, type Manifest } from '../../core/index.js'
import type { InvalidSignature } from './judge-signer.js'
import { objectOf, parseJson } from './parse-json.js'

/** An in-toto Statement 1: what is said of which files. */
export interface Statement {
  readonly _type: 'https://in-toto.io/Statement/v1'
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[]
  readonly predicateType: string
  readonly predicate: { readonly [name: string]: Json }
}

export const statementType = 'https://in-toto.io/Statement/v1'

/** Reads one, or says in words why it is none. Never throws. */
export function readStatement(payload: Buffer): Statement | string {
  const statement = parseJson(payload)
  if (typeof statement === 'string') return `the signed statement cannot be read: ${statement}`
  if (statement['_type'] !== statementType) return `the signed statement is not of the type ${statementType}`
  const { subject, predicateType, predicate } = statement
  if (!Array.isArray(subject) || subject.length === 0 || !subject.every(isSubject))
    return 'the signed statement does not name what it is about by SHA-256'
  if (
    typeof predicateType !== 'string' ||
    typeof predicate !== 'object' ||
    predicate === null ||
    Array.isArray(predicate)
  )
    return 'the signed statement says nothing'
  return { _type: statementType, subject, predicateType, predicate: predicate as Statement['predicate'] }
}

export function isSha256(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

const isSubject = (value: unknown): boolean => {
  const { name, digest } = objectOf(value)
  return typeof name === 'string' && isSha256(objectOf(digest)['sha256'])
}

export interface SignedFileDifference {
  readonly path: string
  readonly difference: 'missing' | 'extra' | 'changed'
}

/** What was signed cannot be read, or is of other files. */
export interface MismatchedFiles extends InvalidSignature {
  /** The files that are not those that were signed, where that is why. */
  readonly differences?: readonly SignedFileDifference[] | undefined
}

/** How files differ from those that a statement names. `unsigned`: those that it need not name. */
export interface FilesCheck {
  readonly differences: readonly SignedFileDifference[]
  readonly unsigned: readonly string[]
}

/** What a statement names is compared; what it does not name may be there only below one of the `ignored` paths. */
export function compareFiles(
  stated: ReadonlyMap<string, string>,
  { files }: Manifest,
  ignored: ReadonlySet<string>,
): FilesCheck {
  const present = new Set(files.map(({ path }) => path))
  const unsigned: string[] = []
  const differences: SignedFileDifference[] = []
  for (const path of stated.keys()) if (!present.has(path)) differences.push({ path, difference: 'missing' })
  for (const { path, digest } of files) {
    const hex = stated.get(path)
    if (hex === hexOf(digest)) continue
    if (hex !== undefined) differences.push({ path, difference: 'changed' })
    else if (isIgnored(path, ignored)) unsigned.push(path)
    else differences.push({ path, difference: 'extra' })
  }
  return { differences, unsigned }
}

/** Whether a path is one of them, or below one. */
export function isIgnored(path: string, ignored: ReadonlySet<string>): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1))
    if (ignored.has(path.slice(0, end))) return true
  return false
}

/** The first difference in words, and how many there are. */
export function describeDifferences(differences: readonly SignedFileDifference[]): string {
  const [first] = differences
  const more = differences.length === 1 ? '' : ` (and ${differences.length - 1} more)`
  return `the file ${JSON.stringify(first!.path)} ${differenceWords[first!.difference]}${more}`
}

const differenceWords = {
  missing: 'is missing',
  extra: 'was not signed',
  changed: 'is not as it was signed',
} as const
