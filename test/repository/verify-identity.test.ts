// Signing and verifying without a key, as a project does it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRepository } from '../../src/repository/index.js'
import { identityToken, issuer, type Sigstore, startSigstore, subject } from '../releaser/reference/sigstore.js'
import { project } from './project.js'

let sigstore: Sigstore
beforeAll(async () => {
  sigstore = await startSigstore()
})
afterAll(() => sigstore?.stop())

const trusted = (more: Readonly<Record<string, unknown>> = {}) => ({
  formatVersion: 1,
  keys: [],
  identities: [{ issuer, subject, by: 'the release workflow', validFrom: '2020-01-01T00:00:00Z', ...more }],
})
const files = () => ({
  'mlops/keys/trusted.json': trusted(),
  'mlops/keys/sigstore-trusted-root.json': sigstore.trustedRoot,
  'mlops/keys/sigstore-signing-config.json': sigstore.signingConfig,
})
const environment = (more: Readonly<Record<string, string>> = {}) => ({
  SHEIKH_SIGNING: 'sigstore',
  SIGSTORE_ID_TOKEN: identityToken(),
  ...more,
})
const released = async (changes: Readonly<Record<string, unknown>> = {}, variables = environment()) => {
  const made = await project({ ...files(), ...changes })
  const repository = await openRepository(made.root, { environment: variables })
  return { ...made, repository, run: async () => (await repository.pipeline()).run() }
}

describe('a project whose runner has an identity', () => {
  it('signs under it, and verifies it offline', async () => {
    const { repository, run, put, commit } = await released()
    expect(await run()).toMatchObject({ status: 'released' })
    const asked = sigstore.requests.length
    const verification = await repository.verify()
    expect(verification).toMatchObject({ holds: true, touched: [] })
    expect(verification.checks.map(({ status }) => status)).toEqual(['valid', 'valid', 'valid', 'valid'])
    expect(verification.checks[1]?.detail).toBe('by the release workflow')
    expect(sigstore.requests).toHaveLength(asked)

    put('mlops/keys/trusted.json', trusted({ revokedAt: '2026-01-01T00:00:00Z', revocationReason: 'taken over' }))
    await commit()
    const revoked = await repository.verify()
    expect(revoked).toMatchObject({ holds: false, touched: [{ version: '0.1.0', by: 'the release workflow' }] })
    expect(revoked.checks[1]?.detail).toContain('taken over')
  })

  it('releases nothing that readers would not believe', async () => {
    const { repository, run } = await released({ 'mlops/keys/trusted.json': trusted({ subject: 'ann@example.com' }) })
    await expect(run()).rejects.toMatchObject({ code: 'invalid-config' })
    await expect(repository.verify()).rejects.toMatchObject({ code: 'not-found' })
  })

  it.each([
    ['a root is missing', {}, { 'mlops/keys/sigstore-trusted-root.json': undefined }, 'invalid-config'],
    ['there is a key as well', { SHEIKH_SIGNING_KEY: 'x' }, {}, 'invalid-options'],
    ['the way is unknown', { SHEIKH_SIGNING: 'pgp' }, {}, 'invalid-options'],
  ])('says so before it trains where %s', async (_, variables, changes, code) => {
    const given = Object.entries({ ...files(), ...changes }).filter(([, content]) => content !== undefined)
    const { root } = await project(Object.fromEntries(given))
    const repository = await openRepository(root, { environment: environment(variables) })
    await expect(repository.pipeline()).rejects.toMatchObject({ code })
  })
})
