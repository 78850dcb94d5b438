import type { Json, Manifest } from '../../core/index.js'
import { openEnvelope, sealStatement } from './envelope.js'
import { judgeSigner, type TrustOptions, type UntrustedSignature, type ValidSignature } from './judge-signer.js'
import { ignoredPaths } from './model-statement.js'
import type { Signer } from './signer.js'
import type { KeylessSigner } from './sigstore-signer.js'
import { compareFiles, describeDifferences, type MismatchedFiles, readStatement, type Statement } from './statement.js'

/** A statement signed, in the same kind of file as a model signature. */
export function signStatement(statement: Statement, signer: Signer | KeylessSigner): Promise<string> {
  return sealStatement(statement as unknown as Json, signer)
}

export type StatementCheck = (ValidSignature & { readonly statement: Statement }) | MismatchedFiles | UntrustedSignature

export interface VerifyStatementOptions extends TrustOptions {
  /** The files that it must be about: these, and no others. Absent: not compared. */
  readonly manifest?: Manifest | undefined
  /** Files and folders of the manifest that it need not name, beside `model.sig` and Git's own. */
  readonly ignorePaths?: readonly string[] | undefined
}

/** Judges a signed statement, and gives it where its signer is trusted. What kind it is, `predicateType` says. Never throws for what the text holds. */
export function verifyStatement(
  text: string,
  { manifest, ignorePaths = [], ...trust }: VerifyStatementOptions,
): StatementCheck {
  const envelope = openEnvelope(text)
  if (typeof envelope === 'string') return invalid(envelope)
  const signer = judgeSigner(envelope, trust)
  if (signer.status !== 'valid') return signer
  const statement = readStatement(envelope.payload)
  if (typeof statement === 'string') return invalid(statement)
  if (manifest !== undefined) {
    const files = new Map(statement.subject.map(({ name, digest }) => [name, digest.sha256]))
    if (files.size < statement.subject.length) return invalid('the signed statement names a file twice')
    const { differences } = compareFiles(files, manifest, ignoredPaths(ignorePaths))
    if (differences.length > 0) return { ...invalid(describeDifferences(differences)), differences }
  }
  return { ...signer, statement }
}

const invalid = (reason: string): MismatchedFiles => ({ status: 'invalid', reason })
