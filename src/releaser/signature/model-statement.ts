import { checkedPath, hexOf, type JsonObject, type Manifest, SheikhError, startDigest } from '../../core/index.js'
import { objectOf } from './parse-json.js'
import { isIgnored, isSha256, type Statement, statementType } from './statement.js'

/** The file's name in the folder of a model. */
export const signatureFile = 'model.sig'
const predicateType = 'https://model_signing/signature/v1.0'
/** What the format leaves out by itself: Git's own, and what hosts of Git add. */
const alwaysIgnored = [signatureFile, '.git', '.gitattributes', '.github', '.gitignore']

/** Paths that need not be signed: given ones, and those that the format leaves out by itself. @throws `invalid-options` for one that is not plain. */
export function ignoredPaths(given: readonly string[]): ReadonlySet<string> {
  for (const path of given)
    try {
      checkedPath(path)
    } catch (cause) {
      const fact = `${JSON.stringify(path)} is not a plain path below the folder`
      throw new SheikhError('invalid-options', `Cannot ignore a path: ${fact}. Write it like "docs/notes".`, { cause })
    }
  return new Set([...alwaysIgnored, ...given])
}

/** The statement of a model signature (OpenSSF Model Signing 1.0) over whole files. @throws `invalid-options` where no file is left to sign. */
export function modelStatement(manifest: Manifest, ignored: ReadonlySet<string>, name: string): Statement & JsonObject {
  const resources = manifest.files
    .filter(({ path }) => !isIgnored(path, ignored))
    .sort((left, right) => Buffer.compare(sortKey(left.path), sortKey(right.path)))
    .map(({ path, digest }) => ({ name: path, algorithm: 'sha256', digest: hexOf(digest) }))
  if (resources.length === 0)
    throw new SheikhError('invalid-options', 'Cannot sign: every file is ignored. Leave one that is signed.')
  return {
    _type: statementType,
    subject: [{ name, digest: { sha256: rootOf(resources.map(({ digest }) => digest)) } }],
    predicateType,
    predicate: {
      serialization: {
        method: 'files',
        hash_type: 'sha256',
        allow_symlinks: false,
        ignore_paths: [...ignored].sort(),
      },
      resources,
    },
  }
}

/** The name that `model_signing` gives to the file if the model is a single file and no folder. */
const singleFile = '.'

export interface SignedModel {
  /** SHA-256 in hexadecimal, by path; `.` alone is the only file of the model, whatever its name. */
  readonly files: ReadonlyMap<string, string>
  readonly ignored: readonly string[]
}

/** What a statement says of a model's files, or in words why it says nothing that can be checked. Never throws. */
export function readModelStatement({ subject, predicateType: type, predicate }: Statement): SignedModel | string {
  if (type !== predicateType) return `the signed statement is no model signature (${predicateType})`
  const { method, hash_type: hashType, ignore_paths: ignored = [] } = objectOf(predicate['serialization'])
  if (method !== 'files' || hashType !== 'sha256')
    return 'the model was not signed by the SHA-256 of whole files, which is all that can be checked here; "model_signing verify" knows more'
  if (!Array.isArray(ignored) || !ignored.every((path) => typeof path === 'string'))
    return 'the paths that the signature ignores are not a list of texts'
  const { resources } = predicate
  if (!Array.isArray(resources)) return 'the signature does not list files'
  const files = new Map<string, string>()
  for (const { name, algorithm, digest } of resources.map(objectOf)) {
    const isWholeModel = name === singleFile && resources.length === 1
    if (typeof name !== 'string' || !(isWholeModel || isPlainPath(name)))
      return `the signature names ${shortly(name)}, which is not a plain path`
    if (algorithm !== 'sha256' || !isSha256(digest)) return `the signature has no SHA-256 of ${shortly(name)}`
    if (files.has(name)) return `the signature names ${shortly(name)} twice`
    files.set(name, digest)
  }
  if (subject.length !== 1 || subject[0]!.digest.sha256 !== rootOf(files.values()))
    return 'the digest that was signed is not that of the files that are named'
  return { files, ignored }
}

/**
 * The signed files by their names in a folder: a model of a single file is the one file of the folder that is not ignored.
 *
 * @returns in words why the folder has no such file.
 */
export function namedFiles(
  { files }: SignedModel,
  manifest: Manifest,
  ignored: ReadonlySet<string>,
): ReadonlyMap<string, string> | string {
  const digest = files.get(singleFile)
  if (digest === undefined) return files
  const present = manifest.files.filter(({ path }) => !isIgnored(path, ignored))
  const [only] = present
  if (only === undefined || present.length > 1)
    return `the signature is over a model of one file, and the folder has ${present.length} files`
  return new Map([[only.path, digest]])
}

/** SHA-256 over the files' digests, as bytes, in the order in which they stand there. */
function rootOf(digests: Iterable<string>): string {
  const hash = startDigest()
  for (const digest of digests) hash.update(digest, 'hex')
  return hash.digest('hex')
}

// Python sorts paths segment by segment, and each by code point, as UTF-8 does; no path holds a NUL.
const sortKey = (path: string) => Buffer.from(path.replaceAll('/', '\0'))

function isPlainPath(value: string): boolean {
  try {
    return checkedPath(value) === value
  } catch {
    return false
  }
}

const shortly = (value: unknown) => (typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : 'a file')
