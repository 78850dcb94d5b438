import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, SheikhError } from '../core/index.js'
import type { Attester } from '../releaser/index.js'
import { keySigner, parseTrustedKeys, releaseAttester, type TrustedKey, trustAt } from '../releaser/signature/index.js'
import type { Surroundings } from './release-targets.js'

export const trustedKeysPath = 'mlops/keys/trusted.json'

/** The keys that a project believes; `undefined` where it has no list. @throws `invalid-config`. */
export async function readTrustedKeys(path: string): Promise<readonly TrustedKey[] | undefined> {
  try {
    return parseTrustedKeys(await readFile(path, 'utf8'), path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Signs with the key in `SHEIKH_SIGNING_KEY` (PEM; its passphrase in `SHEIKH_SIGNING_PASSPHRASE`); absent: nothing is signed.
 *
 * @throws `invalid-options` for what is no key; `invalid-config` for one that the project's list does not trust now.
 */
export async function attesterOf(
  { root, environment }: Surroundings,
  { clock }: CallContext,
): Promise<Attester | undefined> {
  const privateKeyPem = environment['SHEIKH_SIGNING_KEY']
  if (!privateKeyPem) return undefined
  const signer = keySigner({ privateKeyPem, passphrase: environment['SHEIKH_SIGNING_PASSPHRASE'] || undefined })
  const keys = await readTrustedKeys(join(root, trustedKeysPath))
  const trust = keys === undefined ? 'trusted' : trustAt(keys, signer.keyId, clock.nowMs())
  if (trust !== 'trusted')
    throw new SheikhError(
      'invalid-config',
      `Cannot sign with the key ${signer.keyId}: it is ${trust} in ${trustedKeysPath}, and nobody would believe it. Add it there, or set SHEIKH_SIGNING_KEY to another.`,
      { facts: { file: trustedKeysPath, keyId: signer.keyId, trust } },
    )
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_WORKFLOW_REF: workflow } = environment
  return releaseAttester({
    signer,
    builderId: server && workflow ? `${server}/${workflow}` : 'https://sheikh-freemium/builder/by-hand',
    ...(server && repository && { repositoryUrl: `${server}/${repository}` }),
  })
}
