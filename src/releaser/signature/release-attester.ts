import type { Attester } from '../releaser.js'
import { signManifest } from './model-signature.js'
import { type ProvenanceOptions, provenanceOf } from './provenance.js'
import { signStatement } from './signed-statement.js'
import type { Signer } from './signer.js'
import type { KeylessSigner } from './sigstore-signer.js'

export interface ReleaseAttesterOptions extends Omit<ProvenanceOptions, 'startedAtMs' | 'finishedAtMs'> {
  readonly signer: Signer | KeylessSigner
}

/** Where the Hub's own client keeps its notes in a folder that it fetched. */
const clientNotes = '.cache/huggingface'

/** Files that a registry adds beside the bundle, and that readers of a signature need not find signed. */
export const registryFiles: readonly string[] = [
  clientNotes,
  'README.md',
  'sheikh-registry.json',
  'sheikh-release.json',
]

/**
 * Signs each release of a pipeline: its files (OpenSSF Model Signing 1.0), and where they come from (in-toto, SLSA
 * provenance 1). Nothing is hashed again.
 */
export function releaseAttester({ signer, ...options }: ReleaseAttesterOptions): Attester {
  return async (pending, { clock }) => {
    const { manifest } = pending
    const own = new Set(manifest.files.map(({ path }) => path))
    const ignorePaths = registryFiles.filter((path) => !own.has(path))
    return {
      signature: await signManifest({ manifest, signer, ignorePaths }),
      provenance: await signStatement(provenanceOf(pending, { ...options, finishedAtMs: clock.nowMs() }), signer),
    }
  }
}
