import { appendFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openRepository, type Verification, verifyElsewhere } from '../../src/repository/index.js'
import { generateSigningKey, type SigningKey } from '../../src/signing.js'
import { startHub } from '../../src/testing/hub/index.js'
import { itInFull } from '../in-full.js'
import { temporaryFolder, write } from './harness.js'
import { project } from './project.js'

const key = generateSigningKey()
const other = generateSigningKey()
const trusted = ({ keyId, publicKeyPem }: SigningKey, more: Readonly<Record<string, unknown>> = {}) =>
  JSON.stringify({
    formatVersion: 1,
    keys: [{ keyId, publicKeyPem, by: 'Ann', validFrom: '2020-01-01T00:00:00Z', ...more }],
  })
const keysPath = 'mlops/keys/trusted.json'
const answers = ({ checks }: Verification) => Object.fromEntries(checks.map(({ name, status }) => [name, status]))
const allValid = { files: 'valid', signature: 'valid', provenance: 'valid', ledger: 'valid' }

async function signedProject(
  files: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, string>> = {},
) {
  const common = { [keysPath]: trusted(key), ...files }
  // The Hub of each test has another address.
  const isShared = Object.keys(more).length === 0
  const made = isShared ? await signedRelease(common) : await project(common)
  const environment = { SHEIKH_SIGNING_KEY: key.privateKeyPem, ...more }
  const repository = await openRepository(made.root, { environment })
  const run = async () => (await repository.pipeline()).run()
  if (!isShared) expect(await run()).toMatchObject({ status: 'released' })
  return { ...made, repository, run }
}

/** A copy of a signed release. */
async function signedRelease(files: Readonly<Record<string, unknown>>) {
  const made = await project(files)
  signed ??= (async () => {
    const { root } = await project(files)
    const repository = await openRepository(root, { environment: { SHEIKH_SIGNING_KEY: key.privateKeyPem } })
    expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
    return root
  })()
  rmSync(made.root, { recursive: true })
  cpSync(await signed, made.root, { recursive: true })
  return made
}
let signed: Promise<string> | undefined

describe('verify', () => {
  it('holds for what was released and signed, and names who signed it', async () => {
    const { repository } = await signedProject()
    const verification = await repository.verify('0.1.0')
    expect(answers(verification)).toEqual(allValid)
    expect(verification).toMatchObject({ version: '0.1.0', holds: true, touched: [] })
    expect(verification.checks[1]?.detail).toBe('by Ann')
    expect(answers(await repository.verify())).toEqual(allValid)
    await expect(repository.verify('9.9.9')).rejects.toMatchObject({ code: 'not-found' })
  })

  itInFull('holds for a rollback, signed anew or with the signature of what it went back to', async () => {
    const { repository, root, put, commit, run } = await signedProject()
    put('prompts/inference/ask.txt', 'Is {{ text }} a fruit?\n')
    await commit()
    expect(await run()).toMatchObject({ status: 'released' })
    await (await repository.pipeline()).rollback({ by: 'Ada', reason: 'x' })
    expect(answers(await repository.verify('0.3.0'))).toEqual(allValid)
    expect((await repository.verify('0.2.0')).checks[3]?.detail).toContain('withdrawn: x')
    const unsigned = await openRepository(root, { environment: {} })
    await (await unsigned.pipeline()).rollback({ by: 'Ada', to: '0.2.0', reason: 'y' })
    expect(answers(await unsigned.verify('0.4.0'))).toEqual(allValid)
  })

  it('sees a changed file, a forged record, and a ledger that knows nothing of it', async () => {
    const { repository, root } = await signedProject()
    const releases = join(root, 'releases')
    const document = join(releases, 'releases/0.1.0.json')
    const text = readFileSync(document, 'utf8')

    writeFileSync(document, text.replace(/"commit": "[0-9a-f]{8}/, '"commit": "00000000'))
    const forged = await repository.verify('0.1.0')
    expect(forged.holds).toBe(false)
    expect(answers(forged)).toMatchObject({ files: 'valid', provenance: 'invalid' })
    expect(forged.checks[2]?.detail).toContain('it is of the commit')

    writeFileSync(document, text)
    const [bundle] = readdirSync(join(releases, 'bundles'))
    const [weights] = readdirSync(join(releases, 'bundles', bundle!)).filter((name) => name.endsWith('.safetensors'))
    appendFileSync(join(releases, 'bundles', bundle!, weights!), 'x')
    const changed = await repository.verify('0.1.0')
    expect(changed.holds).toBe(false)
    expect(answers(changed)).toMatchObject({ files: 'invalid', signature: 'valid', ledger: 'valid' })
    expect(changed.checks[0]?.detail).toContain(weights!)
  })

  it('does not hold unsigned where keys are trusted, and names what a revoked key signed', async () => {
    const { repository, root, put } = await signedProject()
    put(keysPath, trusted(key, { revokedAt: '2026-03-01T00:00:00Z', revocationReason: 'laptop stolen' }))
    const revoked = await repository.verify('0.1.0')
    expect(revoked).toMatchObject({ holds: false, touched: [{ version: '0.1.0', by: 'Ann', reason: 'laptop stolen' }] })
    expect(answers(revoked)).toMatchObject({ files: 'valid', signature: 'invalid', provenance: 'invalid' })
    await expect(repository.pipeline()).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('revoked'),
    })
    put(keysPath, trusted(other))
    expect((await repository.verify('0.1.0')).holds).toBe(false)
    const unsigned = await project()
    await (await unsigned.repository.pipeline()).run()
    expect(await unsigned.repository.verify('0.1.0')).toMatchObject({ holds: true })
    unsigned.put(keysPath, trusted(key))
    expect(await unsigned.repository.verify('0.1.0')).toMatchObject({ holds: false })
    expect(root).not.toBe(unsigned.root)
  })

  itInFull('holds for what anyone fetches from the Hub, by name, as a folder, and without a project', async () => {
    const hub = await startHub({ folder: join(temporaryFolder(), 'hub') })
    onTestFinished(() => hub.close())
    const environment = { HF_TOKEN: 'hf_test', HF_ENDPOINT: hub.url }
    const { repository } = await signedProject(
      {
        'mlops/pipeline.yaml':
          'pipeline: { name: tiny }\nstages: { validate_weights: { checks: [ { accuracy_threshold: 0.15 } ] }, release: { targets: [ { huggingface: { repo: me/spam, create: public } } ] } }\n',
      },
      environment,
    )
    expect(answers(await repository.verify('hf:me/spam@v0.1.0'))).toEqual(allValid)
    const root = temporaryFolder()
    write(root, 'keys.json', trusted(key))
    const elsewhere = { root, keysPath: join(root, 'keys.json'), environment: { HF_ENDPOINT: hub.url } }
    expect(answers(await verifyElsewhere('hf:me/spam', elsewhere))).toEqual({ ...allValid, ledger: 'absent' })
    await expect(verifyElsewhere('0.1.0', elsewhere)).rejects.toMatchObject({ code: 'repository-invalid' })
    await expect(verifyElsewhere('hf:me/spam@no tag', elsewhere)).rejects.toMatchObject({ code: 'invalid-options' })
    await expect(verifyElsewhere('.', elsewhere)).rejects.toMatchObject({ code: 'not-found' })
  })

  it('judges a folder by its record, or by its model.sig alone', async () => {
    const { repository, root } = await signedProject()
    const folder = join(temporaryFolder(), 'fetched')
    const [bundle] = readdirSync(join(root, 'releases/bundles'))
    cpSync(join(root, 'releases/bundles', bundle!), folder, { recursive: true })
    const document = readFileSync(join(root, 'releases/releases/0.1.0.json'), 'utf8')
    const { record } = JSON.parse(document)
    writeFileSync(join(folder, 'model.sig'), record.attestation.signature)
    expect(await repository.verify(folder)).toMatchObject({
      holds: true,
      checks: [{ name: 'signature', status: 'valid' }],
    })
    writeFileSync(join(folder, 'sheikh-release.json'), document)
    writeFileSync(join(folder, 'README.md'), '# Spam\n')
    write(folder, '.cache/huggingface/.gitignore', '*')
    expect(answers(await repository.verify(folder))).toEqual(allValid)
    writeFileSync(join(folder, 'extra.py'), 'import os\n')
    expect(await repository.verify(folder)).toMatchObject({ holds: false })
  })
})

it('leaves neither the key nor its passphrase in what a run writes', async () => {
  const { root } = await signedProject()
  const secret = key.privateKeyPem.split('\n')[1]!
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const guilty = files.filter((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1').includes(secret))
  expect(guilty).toEqual([])
  expect(files.length).toBeGreaterThan(50)
})
