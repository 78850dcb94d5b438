export type { InvalidSignature, TrustOptions, UntrustedSignature, ValidSignature } from './judge-signer.js'
export {
  compareSignedFiles,
  type SignatureCheck,
  type SignManifestOptions,
  signManifest,
  type UnsignedFiles,
  type VerifySignatureOptions,
  verifySignature,
} from './model-signature.js'
export { signatureFile } from './model-statement.js'
export { buildType, type ProvenanceOptions, provenanceOf, provenanceType } from './provenance.js'
export { generateSigningKey, keyIdOf, type SigningKey } from './public-key.js'
export { type ReleaseAttesterOptions, releaseAttester } from './release-attester.js'
export { releasesTouched, type TouchedRelease } from './releases-touched.js'
export { type StatementCheck, signStatement, type VerifyStatementOptions, verifyStatement } from './signed-statement.js'
export {
  type CertificateSignerOptions,
  certificateSigner,
  type KeySignerOptions,
  keySigner,
  type Signer,
} from './signer.js'
export { type KeylessSigner, type SigstoreSignerOptions, sigstoreSigner } from './sigstore-signer.js'
export {
  type KeylessSignature,
  type SigstoreTrust,
  type SigstoreTrustOptions,
  sigstoreTrust,
} from './sigstore-trust.js'
export type { MismatchedFiles, SignedFileDifference, Statement } from './statement.js'
export type { TrustDates } from './trust-document.js'
export { parseTrustedIdentities, type TrustedIdentity } from './trusted-identities.js'
export { type KeyTrust, parseTrustedKeys, type TrustedKey, trustAt } from './trusted-keys.js'
export { type ReleaseCheck, type VerifyReleaseOptions, verifyRelease } from './verify-release.js'
