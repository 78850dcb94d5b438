import { digestJson, hexOf, type Manifest } from '../../core/index.js'
import type { LedgerEntry } from '../../gate/index.js'
import type { Release } from '../releaser.js'
import { verifySignature } from './model-signature.js'
import { signatureFile } from './model-statement.js'
import { objectOf } from './parse-json.js'
import { provenanceType } from './provenance.js'
import { registryFiles } from './release-attester.js'
import { verifyStatement } from './signed-statement.js'
import type { SigstoreTrust } from './sigstore-trust.js'
import { compareFiles, describeDifferences, type Statement } from './statement.js'
import type { TrustedKey } from './trusted-keys.js'

/** An answer to one question about a release. `absent`: there is nothing to answer it by. */
export interface ReleaseCheck {
  readonly name: 'files' | 'signature' | 'provenance' | 'ledger'
  readonly status: 'valid' | 'invalid' | 'absent'
  readonly detail: string
}

export interface VerifyReleaseOptions {
  /** The files of the folder, hashed now. What a registry adds beside the bundle may be among them. */
  readonly manifest: Manifest
  /** Of the project, or of whoever is believed. @default none: a signature is then never `valid` */
  readonly trustedKeys?: readonly TrustedKey[] | undefined
  readonly trustedRoots?: readonly string[] | undefined
  readonly sigstore?: SigstoreTrust | undefined
  /** Lines whose links were checked. @default not asked */
  readonly ledger?: readonly LedgerEntry[] | undefined
}

/**
 * Whether a release is what was released: its files, who signed them, where they come from, and that the ledger knows of
 * it. Reads nothing; whatever the release holds, nothing is thrown.
 */
export function verifyRelease(release: Release, options: VerifyReleaseOptions): readonly ReleaseCheck[] {
  const line = options.ledger?.find((entry) => entry.type === 'release' && entry.version === release.version)
  // The ledger's word for the time before the release's own: a key that ended could write that.
  const atMs = line?.atMs ?? release.publishedAtMs
  return [
    checkFiles(release, options.manifest),
    checkSignature(release, options, atMs),
    checkProvenance(release, options, atMs),
    checkLedger(release, options.ledger, line),
  ]
}

function checkFiles({ manifest, bundle }: Release, present: Manifest): ReleaseCheck {
  const own = new Map(manifest.files.map(({ path, digest }) => [path, hexOf(digest)]))
  const { differences } = compareFiles(
    own,
    present,
    new Set([...registryFiles, signatureFile, '.git', '.gitattributes']),
  )
  if (differences.length > 0) return { name: 'files', status: 'invalid', detail: describeDifferences(differences) }
  return { name: 'files', status: 'valid', detail: `${own.size} files, bundle ${bundle}` }
}

function checkSignature(
  { record }: Release,
  { manifest, trustedKeys = [], trustedRoots, sigstore }: VerifyReleaseOptions,
  atMs: number,
): ReleaseCheck {
  const text = record.attestation?.signature
  if (typeof text !== 'string') return { name: 'signature', status: 'absent', detail: 'it was released without one' }
  const check = verifySignature(text, {
    manifest,
    trustedKeys,
    trustedRoots,
    sigstore,
    atMs,
    ignorePaths: registryFiles,
  })
  if (check.status === 'valid') return { name: 'signature', status: 'valid', detail: `by ${check.by}` }
  return { name: 'signature', status: 'invalid', detail: check.reason }
}

function checkProvenance(
  release: Release,
  { trustedKeys = [], trustedRoots, sigstore }: VerifyReleaseOptions,
  atMs: number,
): ReleaseCheck {
  const text = release.record.attestation?.provenance
  if (typeof text !== 'string') return { name: 'provenance', status: 'absent', detail: 'it was released without one' }
  const check = verifyStatement(text, { manifest: release.manifest, trustedKeys, trustedRoots, sigstore, atMs })
  if (check.status !== 'valid') return { name: 'provenance', status: 'invalid', detail: check.reason }
  const wrong = differenceOf(release, check.statement)
  if (wrong !== undefined) return { name: 'provenance', status: 'invalid', detail: wrong }
  const { commit } = release.record
  return {
    name: 'provenance',
    status: 'valid',
    detail: `by ${check.by}${commit === undefined ? '' : `, commit ${commit}`}`,
  }
}

/** How the release tells it otherwise than what was signed. */
function differenceOf({ version, record }: Release, { predicateType, predicate }: Statement): string | undefined {
  if (predicateType !== provenanceType) return `what is signed is no provenance, but ${predicateType}`
  const { externalParameters } = objectOf(predicate['buildDefinition'])
  const { version: signed, commit } = objectOf(externalParameters)
  // A rollback that nobody signed carries the statement of what it went back to.
  const isRestored = signed === record.restoredFrom && signed !== version
  if (signed !== version && !isRestored) return `it is of the version ${String(signed)}`
  if (!isRestored && commit !== record.commit) return `it is of the commit ${String(commit)}`
  const { byproducts } = objectOf(predicate['runDetails'])
  const verdict = Array.isArray(byproducts) ? byproducts.find((one) => objectOf(one)['name'] === 'verdict') : undefined
  const digest = objectOf(objectOf(verdict)['digest'])['sha256']
  const own = record.verdict === undefined ? undefined : hexOf(digestJson(record.verdict))
  return digest === own ? undefined : 'it is of another verdict'
}

function checkLedger(
  { version, bundle, record, withdrawn }: Release,
  ledger: readonly LedgerEntry[] | undefined,
  line: LedgerEntry | undefined,
): ReleaseCheck {
  const answer = (status: ReleaseCheck['status'], detail: string): ReleaseCheck => ({ name: 'ledger', status, detail })
  if (ledger === undefined) return answer('absent', 'there is none here')
  if (line?.type !== 'release') return answer('invalid', `no line of it is of the version ${version}`)
  if (line.bundle !== bundle)
    return answer('invalid', `its line ${line.sequence + 1} is of another bundle, ${line.bundle}`)
  const digest = record.verdict === undefined ? undefined : digestJson(record.verdict)
  if (digest !== undefined && !ledger.some((entry) => entry.type === 'verdict' && entry.verdict === digest))
    return answer('invalid', 'no line of it has this verdict')
  const withdrawal = ledger.find((entry) => entry.type === 'withdrawal' && entry.version === version)
  if (withdrawal?.type === 'withdrawal' && withdrawn === undefined)
    return answer(
      'invalid',
      `line ${withdrawal.sequence + 1} withdraws it (${withdrawal.reason}), and the registry does not say so`,
    )
  return answer(
    'valid',
    `line ${line.sequence + 1}${withdrawn === undefined ? '' : `; withdrawn: ${withdrawn.reason}`}`,
  )
}
