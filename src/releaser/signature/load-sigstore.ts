import { messageOf, SheikhError } from '../../core/index.js'

/** Sigstore's packages are optional: only who signs or verifies under an identity needs them. @throws `missing-peer`. */
export async function loadSigstore<M>(name: string, load: () => Promise<M>): Promise<M> {
  try {
    return await load()
  } catch (error) {
    throw new SheikhError(
      'missing-peer',
      `Cannot load "${name}" (${messageOf(error).split('\n')[0]}). Install what Sigstore needs: npm install @sigstore/sign@4 @sigstore/verify@3 @sigstore/bundle@4 @sigstore/protobuf-specs`,
      { cause: error },
    )
  }
}
