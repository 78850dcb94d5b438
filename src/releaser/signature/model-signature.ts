import type { Manifest } from '../../core/index.js'
import { type Envelope, openEnvelope, sealStatement } from './envelope.js'
import { judgeSigner, type TrustOptions, type UntrustedSignature, type ValidSignature } from './judge-signer.js'
import { ignoredPaths, modelStatement, namedFiles, readModelStatement } from './model-statement.js'
import type { Signer } from './signer.js'
import type { KeylessSigner } from './sigstore-signer.js'
import { compareFiles, describeDifferences, type MismatchedFiles, readStatement } from './statement.js'

export interface SignManifestOptions {
  /** All files of the folder. The signature's own file and Git's are left out. */
  readonly manifest: Manifest
  readonly signer: Signer | KeylessSigner
  /** Files and folders that are not signed. Readers may then change them. */
  readonly ignorePaths?: readonly string[] | undefined
  /** What the model is called in the signature; it proves nothing. @default 'model' */
  readonly name?: string | undefined
}

/** The text of `model.sig`. Nothing is hashed again. @throws `invalid-options` where no file is left to sign. */
export async function signManifest({
  manifest,
  signer,
  ignorePaths = [],
  name = 'model',
}: SignManifestOptions): Promise<string> {
  return sealStatement(modelStatement(manifest, ignoredPaths(ignorePaths), name), signer)
}

export interface UnsignedFiles {
  /** Present, but not signed: ignored by the signature or by the caller. The signature's own file is among them. */
  readonly unsigned: readonly string[]
}

/** What `verifySignature` finds. A signature by somebody who is not trusted is not read further. */
export type SignatureCheck = (ValidSignature & UnsignedFiles) | MismatchedFiles | UntrustedSignature

export interface VerifySignatureOptions extends TrustOptions {
  /** All files of the folder, hashed now. */
  readonly manifest: Manifest
  /** Files and folders beside those that the signature ignores. */
  readonly ignorePaths?: readonly string[] | undefined
}

/** Judges the text of a `model.sig`. Whatever it holds, nothing is thrown. @throws `invalid-options` for the options alone. */
export function verifySignature(
  text: string,
  { manifest, ignorePaths, ...trust }: VerifySignatureOptions,
): SignatureCheck {
  const envelope = openEnvelope(text)
  if (typeof envelope === 'string') return invalid(envelope)
  const signer = judgeSigner(envelope, trust)
  if (signer.status !== 'valid') return signer
  const files = checkFiles(envelope, manifest, ignorePaths)
  return files.status === 'same' ? { ...signer, unsigned: files.unsigned } : files
}

/**
 * Compares files with what a `model.sig` says, **whoever** wrote it: for keyless signatures, whose signer another
 * program has checked.
 */
export function compareSignedFiles(
  text: string,
  { manifest, ignorePaths }: Pick<VerifySignatureOptions, 'manifest' | 'ignorePaths'>,
): ({ readonly status: 'same' } & UnsignedFiles) | MismatchedFiles {
  const envelope = openEnvelope(text)
  return typeof envelope === 'string' ? invalid(envelope) : checkFiles(envelope, manifest, ignorePaths)
}

function checkFiles(
  { payload }: Envelope,
  manifest: Manifest,
  ignorePaths: readonly string[] = [],
): ({ readonly status: 'same' } & UnsignedFiles) | MismatchedFiles {
  const statement = readStatement(payload)
  if (typeof statement === 'string') return invalid(statement)
  const model = readModelStatement(statement)
  if (typeof model === 'string') return invalid(model)
  const ignored = new Set([...ignoredPaths(ignorePaths), ...model.ignored])
  const files = namedFiles(model, manifest, ignored)
  if (typeof files === 'string') return invalid(files)
  const { differences, unsigned } = compareFiles(files, manifest, ignored)
  if (differences.length === 0) return { status: 'same', unsigned }
  return { ...invalid(describeDifferences(differences)), differences }
}

const invalid = (reason: string): MismatchedFiles => ({ status: 'invalid', reason })
