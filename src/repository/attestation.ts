import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type CallContext, plainPath, SheikhError } from '../core/index.js'
import type { Attester } from '../releaser/index.js'
import {
  keySigner,
  parseTrustedIdentities,
  parseTrustedKeys,
  releaseAttester,
  sigstoreSigner,
  sigstoreTrust,
  type TrustOptions,
  trustAt,
  verifySignature,
} from '../releaser/signature/index.js'
import { trustedKeysPath } from './layout.js'
import type { Surroundings } from './release-targets.js'

/** Beside it: the authorities and logs that its identities are checked by. */
const sigstoreRootFile = 'sigstore-trusted-root.json'
/** Beside it, where Sigstore is not the public one. */
const signingConfigFile = 'sigstore-signing-config.json'

/** Whom a project believes. */
export type ProjectTrust = Pick<TrustOptions, 'trustedKeys' | 'sigstore'>

/** @param path of the list. @returns `undefined` where there is none. @throws `invalid-config`; `missing-peer`. */
export async function readTrust(path: string): Promise<ProjectTrust | undefined> {
  const text = await readIfThere(plainPath(path, 'the path of the keys'))
  if (text === undefined) return undefined
  const trustedKeys = parseTrustedKeys(text, path)
  const identities = parseTrustedIdentities(text, path)
  if (identities.length === 0) return { trustedKeys }
  const rootPath = join(dirname(path), sigstoreRootFile)
  const trustedRoot = await readIfThere(rootPath)
  if (trustedRoot === undefined)
    throw new SheikhError(
      'invalid-config',
      `Cannot check the identities in "${path}": "${rootPath}" is missing. Copy Sigstore's trusted_root.json to that path. See docs/signatures.md.`,
      { facts: { file: rootPath } },
    )
  return { trustedKeys, sigstore: await sigstoreTrust({ identities, trustedRoot }) }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Signs with the key in `SHEIKH_SIGNING_KEY` (PEM; its passphrase in `SHEIKH_SIGNING_PASSPHRASE`), or, with
 * `SHEIKH_SIGNING=sigstore`, under the identity of the runner. Neither: nothing is signed.
 *
 * @throws `invalid-options` for what is no key, or for both; `invalid-config` for one that the project's list does not trust now.
 */
export async function attesterOf(surroundings: Surroundings, context: CallContext): Promise<Attester | undefined> {
  const { SHEIKH_SIGNING: way, SHEIKH_SIGNING_KEY: privateKeyPem } = surroundings.environment
  if (!way) return privateKeyPem ? keyAttester(privateKeyPem, surroundings, context) : undefined
  if (way === 'sigstore' && !privateKeyPem) return sigstoreAttester(surroundings)
  throw new SheikhError(
    'invalid-options',
    way === 'sigstore'
      ? 'Cannot sign: SHEIKH_SIGNING is "sigstore", but SHEIKH_SIGNING_KEY also contains a key. Unset one of them.'
      : `Cannot sign: SHEIKH_SIGNING is ${JSON.stringify(way)}. The only valid value is "sigstore". Set it, or unset it and put a key into SHEIKH_SIGNING_KEY.`,
  )
}

async function keyAttester(
  privateKeyPem: string,
  { root, environment }: Surroundings,
  { clock }: CallContext,
): Promise<Attester> {
  const signer = keySigner({ privateKeyPem, passphrase: environment['SHEIKH_SIGNING_PASSPHRASE'] || undefined })
  const keys = (await readTrust(join(root, trustedKeysPath)))?.trustedKeys
  const trust = keys === undefined ? 'trusted' : trustAt(keys, signer.keyId, clock.nowMs())
  if (trust !== 'trusted')
    throw new SheikhError(
      'invalid-config',
      `Cannot sign with the key ${signer.keyId}: it is ${trust} in ${trustedKeysPath}, so readers would reject the signature. Add the key there, or set SHEIKH_SIGNING_KEY to another key.`,
      { facts: { file: trustedKeysPath, keyId: signer.keyId, trust } },
    )
  return releaseAttester({ signer, ...builder(environment) })
}

async function sigstoreAttester({ root, environment }: Surroundings): Promise<Attester> {
  const listPath = join(root, trustedKeysPath)
  const signingConfig = await readIfThere(join(dirname(listPath), signingConfigFile))
  const trust = await readTrust(listPath)
  const attest = releaseAttester({
    signer: sigstoreSigner({ signingConfig, identityToken: environment['SIGSTORE_ID_TOKEN'] || undefined }),
    ...builder(environment),
  })
  if (trust === undefined) return attest
  return async (pending, context) => {
    const attestation = await attest(pending, context)
    // Who the runner is, only the certificate says. Asked before anything is published.
    const { manifest } = pending
    const check = verifySignature(attestation.signature, { manifest, ...trust, atMs: context.clock.nowMs() })
    if (check.status === 'valid') return attestation
    throw new SheikhError(
      'invalid-config',
      `Cannot release ${pending.version}: readers would reject its signature (${check.reason}). Add the identity to ${trustedKeysPath}.`,
      { facts: { file: trustedKeysPath } },
    )
  }
}

function builder(environment: Surroundings['environment']) {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_WORKFLOW_REF: workflow } = environment
  return {
    builderId: server && workflow ? `${server}/${workflow}` : 'https://sheikh-freemium/builder/by-hand',
    ...(server && repository && { repositoryUrl: `${server}/${repository}` }),
  }
}
