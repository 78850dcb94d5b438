// Signatures without a key, by the reference implementation and by ours, in a Sigstore of our own.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { signManifest, sigstoreSigner, sigstoreTrust, verifySignature } from '../../src/releaser/signature/index.js'
import { readManifest } from '../../src/store/index.js'
import { identityToken, issuer, type Sigstore, startSigstore, subject } from '../releaser/reference/sigstore.js'
import { interopPython } from './python.js'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'sheikh-sigstore-'))
const model = join(folder, 'model')
const signature = join(folder, 'model.sig')
const trustConfig = join(folder, 'trust.json')
const weights = join(model, 'model.safetensors')

let sigstore: Sigstore
beforeAll(async () => {
  sigstore = await startSigstore()
  mkdirSync(model)
  writeFileSync(weights, 'weights')
  writeFileSync(join(model, 'config.json'), '{}')
  writeFileSync(
    trustConfig,
    JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.clienttrustconfig.v0.1+json',
      trustedRoot: JSON.parse(sigstore.trustedRoot),
      signingConfig: JSON.parse(sigstore.signingConfig),
    }),
  )
})
afterAll(async () => {
  await sigstore?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const reference = (way: 'sign' | 'verify', ...options: readonly string[]) =>
  run(interopPython()!, [
    ...['-m', 'model_signing', way, 'sigstore', model, '--signature', signature, '--trust_config', trustConfig],
    ...options,
  ])
const referenceVerify = (identity = subject) =>
  reference('verify', '--identity', identity, '--identity_provider', issuer)
const verifyHere = async () =>
  verifySignature(readFileSync(signature, 'utf8'), {
    manifest: await readManifest(model, callContext()),
    trustedKeys: [],
    sigstore: await sigstoreTrust({
      identities: [{ issuer, subject, by: 'the workflow', validFromMs: 0 }],
      trustedRoot: sigstore.trustedRoot,
    }),
    atMs: Date.now(),
  })

it('what is signed here, model_signing accepts, of this identity and these files', async () => {
  const manifest = await readManifest(model, callContext())
  const { signingConfig } = sigstore
  const signer = sigstoreSigner({ identityToken: identityToken(), signingConfig })
  writeFileSync(signature, await signManifest({ manifest, signer }))
  expect((await referenceVerify()).stdout).toContain('Verification succeeded')
  expect(await verifyHere()).toMatchObject({ status: 'valid', by: 'the workflow' })
  await expect(referenceVerify('somebody@example.com')).rejects.toMatchObject({ code: 1 })
  writeFileSync(weights, 'changed')
  await expect(referenceVerify()).rejects.toMatchObject({ stderr: expect.stringContaining('Hash mismatch') })
  expect(await verifyHere()).toMatchObject({ status: 'invalid' })
  writeFileSync(weights, 'weights')
})

it('what model_signing signs is accepted here', async () => {
  rmSync(signature)
  const nowSeconds = Math.floor(Date.now() / 1000)
  const token = identityToken({ iat: nowSeconds - 60, nbf: nowSeconds - 60, exp: nowSeconds + 600 })
  expect((await reference('sign', '--identity_token', token)).stdout).toContain('Signing succeeded')
  expect(await verifyHere()).toMatchObject({ status: 'valid', by: 'the workflow' })
})
