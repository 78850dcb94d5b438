import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, randomInt } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import {
  certificateSigner,
  keyIdOf,
  keySigner,
  signManifest,
  type TrustOptions,
  verifySignature,
} from '../../src/releaser/signature/index.js'
import { readManifest } from '../../src/store/index.js'
import { type MadeCertificate, makeCertificate } from '../releaser/reference/certificates.js'
import { askPython, interopPython } from './python.js'

const seed = process.env['SEED'] ?? String(randomInt(2 ** 32))
console.log(`SEED=${seed}`)
const random = seededRandom(seed)
const context = callContext()
const folder = mkdtempSync(join(tmpdir(), 'sheikh-signature-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Answer = readonly [status: number, said: string]
const ask = (commands: readonly (readonly string[])[]) => askPython('signature.py', commands) as readonly Answer[]
const atMs = Date.parse('2025-06-01T00:00:00Z')

const write = (path: string, content: string | Uint8Array) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}
const pick = <V>(values: readonly V[]): V => values[random.below(values.length)]!

/** Of letters that Python and JavaScript sort differently where they are not told. */
const letters = [...'ab.-_ ~\'"$é\u0301üﬀ\uff5e\ud7ff\ue000😀𝒳', 'model']
const nameOf = (index: number) => `${Array.from({ length: 1 + random.below(5) }, () => pick(letters)).join('')}${index}`

interface Model {
  readonly folder: string
  readonly signature: string
  readonly ignored: string | undefined
  readonly victim: string
}

/** A folder of files with names of all kinds, some of them empty, and perhaps one that is not signed. */
function makeModel(at: number): Model {
  const root = join(folder, `model ${at}`)
  const count = 1 + random.below(12)
  const folders = ['', 'a/', 'a/b/', 'a.b/', `${nameOf(0)}/`]
  const paths = Array.from({ length: count }, (_, index) => `${pick(folders)}${nameOf(index)}`)
  for (const path of paths)
    write(
      join(root, path),
      Uint8Array.from({ length: random.below(20) }, () => random.below(256)),
    )
  if (random.below(2) === 0) write(join(root, '.gitattributes'), '*')
  const ignored = random.below(2) === 0 ? 'notes' : undefined
  if (ignored !== undefined) write(join(root, 'notes/draft'), 'x')
  return { folder: root, signature: join(root, 'model.sig'), ignored, victim: join(root, pick(paths)) }
}

interface Party {
  readonly kind: 'key' | 'certificate'
  readonly sign: readonly string[]
  readonly verify: readonly string[]
  readonly signer: ReturnType<typeof keySigner>
  readonly trust: TrustOptions
}

function keyParty(at: number): Party {
  const namedCurve = pick(['P-256', 'P-384', 'P-521'])
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const keyId = keyIdOf(publicKeyPem)
  return {
    kind: 'key',
    sign: ['--private_key', write(join(folder, `private ${at}`), privateKeyPem)],
    verify: ['--public_key', write(join(folder, `public ${at}`), publicKeyPem)],
    signer: keySigner({ privateKeyPem }),
    trust: { trustedKeys: [{ keyId, publicKeyPem, by: 'Ann', validFromMs: 0 }], atMs },
  }
}

function certificateParty(at: number): Party {
  // An authority's key may be of another kind than those that sign.
  const root = makeCertificate({ subject: `company ${at}`, authority: true, ...(at % 3 === 0 && { curve: 'P-384' }) })
  const chain: MadeCertificate[] = []
  for (let index = random.below(3); index > 0; index -= 1)
    chain.unshift(makeCertificate({ subject: `team ${at} ${index}`, issuer: chain[0] ?? root, authority: true }))
  const leaf = makeCertificate({
    subject: 'signer',
    issuer: chain[0] ?? root,
    curve: pick(['P-256', 'P-384', 'P-521']),
  })
  const chainPem = [...chain, root].map(({ pem }) => pem).join('')
  const file = (name: string, text: string) => write(join(folder, `${name} ${at}`), text)
  return {
    kind: 'certificate',
    sign: [
      ...['--private_key', file('private', leaf.privateKeyPem)],
      ...['--signing_certificate', file('certificate', leaf.pem)],
      ...['--certificate_chain', file('chain', chainPem)],
    ],
    verify: ['--certificate_chain', file('root', root.pem)],
    signer: certificateSigner({ privateKeyPem: leaf.privateKeyPem, certificatePem: leaf.pem, chainPem }),
    trust: { trustedKeys: [], trustedRoots: [root.pem], atMs },
  }
}

const cases = Array.from({ length: 60 }, (_, at) => ({
  model: makeModel(at),
  party: at % 2 === 0 ? keyParty(at) : certificateParty(at),
}))
type Case = (typeof cases)[number]

const verifyCommand = ({ model, party }: Case) => [
  ...['verify', party.kind, model.folder, '--signature', model.signature],
  ...party.verify,
]
const verifyHere = async ({ model, party }: Case) =>
  verifySignature(readFileSync(model.signature, 'utf8'), {
    manifest: await readManifest(model.folder, context),
    ...party.trust,
  })

/** Both say that it is right; then a file is changed, and both say that it is not. */
async function expectBothToSay(): Promise<void> {
  const before = ask(cases.map(verifyCommand))
  for (const [at, each] of cases.entries()) {
    expect(before[at], JSON.stringify(each.model)).toEqual([0, 'Verification succeeded\n'])
    expect(await verifyHere(each), JSON.stringify(each.model)).toMatchObject({ status: 'valid' })
  }
  const contents = cases.map(({ model }) => readFileSync(model.victim))
  for (const { model } of cases) writeFileSync(model.victim, 'changed by somebody else')
  const after = ask(cases.map(verifyCommand))
  for (const [at, each] of cases.entries()) {
    expect(after[at]![0]).toBe(1)
    expect(after[at]![1]).toContain('Hash mismatch')
    expect(await verifyHere(each)).toMatchObject({ status: 'invalid', differences: [{ difference: 'changed' }] })
    writeFileSync(each.model.victim, contents[at]!)
  }
}

it('what is signed here, model_signing accepts', async () => {
  for (const { model, party } of cases) {
    const manifest = await readManifest(model.folder, context)
    const ignorePaths = model.ignored === undefined ? [] : [model.ignored]
    writeFileSync(model.signature, await signManifest({ manifest, signer: party.signer, ignorePaths }))
  }
  await expectBothToSay()
})

it('what model_signing signs is accepted here', async () => {
  for (const { model } of cases) rmSync(model.signature)
  const answers = ask(
    cases.map(({ model, party }) => [
      ...['sign', party.kind, model.folder, '--signature', model.signature],
      ...party.sign,
      ...(model.ignored === undefined ? [] : ['--ignore-paths', join(model.folder, model.ignored)]),
    ]),
  )
  for (const [at, answer] of answers.entries())
    expect(answer, JSON.stringify(cases[at]!.model)).toEqual([0, 'Signing succeeded\n'])
  await expectBothToSay()
})

it('neither accepts a key or a root that is another', async () => {
  const unexplained = cases
    .slice(0, 10)
    .map((each, at) => ({ ...each, party: at % 2 === 0 ? keyParty(1000 + at) : certificateParty(1000 + at) }))
  for (const [status] of ask(unexplained.map(verifyCommand))) expect(status).toBe(1)
  for (const each of unexplained) expect(await verifyHere(each)).toMatchObject({ status: 'untrusted' })
})

it('the command itself says so, too', () => {
  const [first] = cases
  const said = execFileSync(interopPython()!, ['-m', 'model_signing', ...verifyCommand(first!)], { encoding: 'utf8' })
  expect(said).toBe('Verification succeeded\n')
})
