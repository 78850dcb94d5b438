import { describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../../src/core/index.js'
import {
  type CheckQualityOptions,
  checkQuality,
  Dataset,
  memorySamples,
  pinnedSet,
  type QualityKind,
  type QualityOptions,
} from '../../../src/dataset/index.js'

const context = callContext()
const random = seededRandom('check-quality')
const words = Array.from({ length: 3_000 }, (_, index) => `w${index.toString(36)}x`)
const text = (count = 12) => Array.from({ length: count }, () => words[random.below(words.length)]!).join(' ')
type Sample = Readonly<Record<string, unknown>>
const sample = (id: string, fields: Sample = {}): Sample => ({ id, text: text(), label: 'a', ...fields })
const several = (count: number, prefix: string, fields: (index: number) => Sample = () => ({})) =>
  Array.from({ length: count }, (_, index) => sample(`${prefix}${index}`, fields(index)))

/** Checks samples of which some are pinned by id. Labels alternate, so that nothing else is found. */
async function check(
  planted: readonly Sample[],
  { pinned = ['other0'], ...options }: CheckQualityOptions & { readonly pinned?: readonly string[] } = {},
) {
  const samples = [...several(60, 'other', (index) => ({ label: index % 2 === 0 ? 'a' : 'b' })), ...planted]
  const parts = { source: memorySamples(samples), input: 'text', target: 'label', group: 'thread' } as const
  const items = (await new Dataset(parts).identities()).filter(({ id }) => pinned.includes(id))
  const evaluation = pinnedSet({ formatVersion: 1, salt: 's', purpose: 'p', share: 0.5, items })
  return checkQuality(new Dataset({ ...parts, evaluation }), options, context)
}

it('checks the parts of a snapshot that the dataset did not make', async () => {
  const samples = [...several(60, 'other', (index) => ({ label: index % 2 === 0 ? 'a' : 'b', thread: `${index % 7}` }))]
  const [first] = samples as [Sample]
  const parts = { input: 'text', target: 'label', group: 'thread' } as const
  const source = memorySamples([...samples, { ...first, id: 'again' }, { ...first, id: 'copy', thread: 'x' }])
  const items = (await new Dataset({ ...parts, source }).identities()).filter(({ id }) => id === 'other0')
  const evaluation = pinnedSet({ formatVersion: 1, salt: 's', purpose: 'p', share: 0.5, items })
  const dataset = new Dataset({ ...parts, source, evaluation })
  const snapshot = await dataset.snapshot(context)
  const report = await checkQuality(dataset, { snapshot }, context)
  expect(report.findings.find(({ kind }) => kind === 'leakage')?.ids).toEqual(['copy'])
  const { summary, trainingRows, heldOut } = snapshot
  const other = { ...snapshot, summary, trainingRows, heldOut }
  expect(await checkQuality(dataset, { snapshot: other }, context)).toEqual(report)
})

async function idsOf(kind: QualityKind, ...given: Parameters<typeof check>) {
  const { findings } = await check(...given)
  return findings.filter((finding) => finding.kind === kind).map(({ ids }) => ids.join(' '))
}

describe('five planted faults of each kind are found, and nothing else', () => {
  it('nothing in sound samples', async () => {
    expect(await check([])).toMatchObject({ status: 'pass', rows: 60, findings: [] })
  })

  it('duplicates', async () => {
    const long = text(40)
    const planted = [
      ...several(2, 'exact', () => ({ text: 'one and the same text here' })),
      ...several(2, 'case', (index) => ({ text: index === 0 ? 'Short One' : 'short one!' })),
      ...several(2, 'word', (index) => ({ text: `${long} w${index}` })),
      ...several(3, 'three', () => ({ text: 'three rows with the very same words' })),
      ...several(2, 'unspaced', (index) => ({ text: `日本語の文章は空白で区切られません${'。！'[index]}` })),
    ]
    const { findings, status } = await check(planted)
    expect(status).toBe('warn')
    expect(findings.map((finding) => [finding.kind, 'match' in finding && finding.match, finding.ids])).toEqual([
      ['duplicate', 'near', ['case0', 'case1']],
      ['duplicate', 'exact', ['exact0', 'exact1']],
      ['duplicate', 'exact', ['three0', 'three1', 'three2']],
      ['duplicate', 'near', ['unspaced0', 'unspaced1']],
      ['duplicate', 'near', ['word0', 'word1']],
    ])
  })

  it('but not in a declared group, and not by numbers alone', async () => {
    const planted = [
      ...several(3, 'grouped', () => ({ text: 'the same text in one group of rows', thread: 't' })),
      ...several(5, 'sum', (index) => ({ text: `how much is ${index} and ${7 * index + 1} in ${index + 2}` })),
    ]
    expect(await idsOf('duplicate', planted)).toEqual([])
  })

  it('leakage, by default an error', async () => {
    const long = text(40)
    const planted = [
      ...several(2, 'a', () => ({ text: 'an exact copy of a pinned row' })),
      ...several(2, 'b', (index) => ({ text: index === 0 ? 'Too Short' : 'too short' })),
      ...several(2, 'c', (index) => ({ text: `${long} ${['end', 'stop'][index]}` })),
      ...several(3, 'd', () => ({ text: 'two copies for training of one pinned row' })),
      ...several(2, 'e', (index) => ({ text: index === 0 ? `${long} x y`.toUpperCase() : `(${long}) x, y?` })),
    ]
    const { findings, status } = await check(planted, { pinned: ['a0', 'b0', 'c0', 'd0', 'e0'], duplicate: 'off' })
    expect(status).toBe('fail')
    expect(findings.every(({ kind, severity }) => kind === 'leakage' && severity === 'fail')).toBe(true)
    const leaking = new Set(findings.flatMap(({ ids }) => ids))
    expect([...leaking].sort()).toEqual(['a1', 'b1', 'c1', 'd1', 'd2', 'e1'])
  })

  it('label conflicts', async () => {
    const stems = Array.from({ length: 5 }, () => text(40))
    const planted = [0, 1, 2, 3, 4].flatMap((pair) =>
      several(2, `p${pair}`, (index) => ({
        text: pair < 3 ? `the same text number ${pair} with two labels` : `${stems[pair]} ${index}`,
        label: index === 0 ? 'a' : 'b',
        ...(pair === 2 && { thread: 'one' }),
      })),
    )
    const found = await idsOf('label-conflict', planted, { similarity: 0.8 } as QualityOptions).catch(String)
    expect(found).toContain('"similarity" is not an option')
    const conflicts = await idsOf('label-conflict', planted, { labelConflict: { similarity: 0.94 } })
    expect(conflicts).toEqual(['p00 p01', 'p10 p11', 'p20 p21', 'p30 p31', 'p40 p41'])
  })

  it('probable label errors', async () => {
    const topics = [words.slice(0, 60), words.slice(60, 120)]
    const about = (topic: number) => Array.from({ length: 12 }, () => topics[topic]![random.below(60)]!).join(' ')
    const planted = [
      ...several(400, 'x', () => ({ text: about(0), label: 'a' })),
      ...several(400, 'y', () => ({ text: about(1), label: 'b' })),
      ...several(5, 'wrong', (index) => ({ text: about(index % 2), label: index % 2 === 0 ? 'b' : 'a' })),
    ]
    const found = await idsOf('label-error', planted)
    expect(found.filter((id) => id.startsWith('wrong')).sort()).toEqual([
      'wrong0',
      'wrong1',
      'wrong2',
      'wrong3',
      'wrong4',
    ])
    // The 60 rows of random words have no topic.
    expect(found.filter((id) => /^[xy]/.test(id))).toEqual([])
  })

  it('labels with few rows', async () => {
    const planted = ['p', 'q', 'r', 's', 't'].flatMap((label, index) => several(index + 1, label, () => ({ label })))
    const found = await idsOf('balance', planted, { balance: { minimumRows: 6 } })
    expect(found).toEqual(['p0', 'q0 q1', 'r0 r1 r2', 's0 s1 s2 s3', 't0 t1 t2 t3 t4'])
    expect(await idsOf('balance', planted, { balance: { minimumRows: 0, maximumRatio: 10 } })).toEqual(['p0', 'q0 q1'])
  })

  it('inputs without a visible character, and huge ones', async () => {
    const invisible = ['', '  \n\t', '\u200b\ufeff', '\u00a0\u3000', '\u2800\u00ad']
    const empty = several(5, 'empty', (index) => ({ text: invisible[index] }))
    expect(await idsOf('empty-text', empty)).toEqual(['empty0', 'empty1', 'empty2', 'empty3', 'empty4'])
    const huge = several(5, 'huge', (index) => ({ text: `${'x'.repeat(50 + index)}${index}` }))
    const options = { oversizedText: { maximumCharacters: 52 }, duplicate: 'off' } as const
    const found = await check(huge, options).then(({ findings }) =>
      findings.filter(({ kind }) => kind === 'oversized-text'),
    )
    expect(found.filter(({ ids }) => ids[0]!.startsWith('huge')).map(({ ids }) => ids[0])).toEqual([
      'huge2',
      'huge3',
      'huge4',
    ])
  })

  it('wrong characters, in any field', async () => {
    const bad = ['a \ufffd b', 'cafÃ© au lait', 'don\u00e2\u20ac\u2122t', 'bell \u0007', 'ÐŸÑ€Ð¸Ð²ÐµÑ‚']
    const planted = several(5, 'bad', (index) => ({ note: { deep: [bad[index]] } }))
    const { findings } = await check(planted)
    expect(findings.map((finding) => [finding.ids[0], 'problem' in finding && finding.problem])).toEqual([
      ['bad0', 'replacement-character'],
      ['bad1', 'mojibake'],
      ['bad2', 'mojibake'],
      ['bad3', 'control-character'],
      ['bad4', 'mojibake'],
    ])
    expect(findings[0]).toMatchObject({ fields: ['/note/deep/0'], places: [{ id: 'bad0', position: '[60]' }] })
    const fine = ['«Spaß»', '“CAFÉ”', 'SÃO PAULO', 'ÀÉÎ', 'Ελληνικά «Ω»', 'Привет', '日本語', 'tab\tline\r\nend']
    expect(
      await idsOf(
        'charset',
        several(8, 'fine', (index) => ({ note: fine[index] })),
      ),
    ).toEqual([])
    const mixed = several(6, 'form', (index) => ({ note: 'é'.normalize(index === 0 ? 'NFC' : 'NFD') }))
    expect(await idsOf('charset', mixed)).toEqual(['form1', 'form2', 'form3', 'form4', 'form5'])
  })

  it('personal data, if asked for', async () => {
    const data = [
      'write to jane.doe+x@mail.example.com',
      'call +49 30 1234 5678 now',
      'IBAN GB29 NWBK 6016 1331 9268 19 please',
      'card 4111 1111 1111 1111',
      'call (555) 123-4567',
    ]
    const planted = several(5, 'p', (index) => ({ note: data[index] }))
    expect(await idsOf('personal-data', planted)).toEqual([])
    expect(await idsOf('personal-data', planted, { personalData: 'warn' })).toEqual(['p0', 'p1', 'p2', 'p3', 'p4'])
    const fine = [
      'GB29 NWBK 6016 1331 9268 18',
      '4111 1111 1111 1112',
      'at 10:30 on 2024-05-01',
      'v1.2.3 @home',
      '3.14159265358979',
    ]
    const others = several(5, 'f', (index) => ({ note: fine[index] }))
    expect(await idsOf('personal-data', others, { personalData: 'fail' })).toEqual([])
  })

  it('secrets fail, and no finding contains their value', async () => {
    const token = `ghp_${'a1B2'.repeat(9)}`
    const secrets = [
      token,
      'xoxb-123456789012-1234567890123-abcdefghijklmnopqrstuvwx',
      `hf_${'Zz9'.repeat(12)}`,
      'postgres://admin:hunter2secret@db.example.com/x',
      '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----',
    ]
    const planted = [
      ...several(5, 's', (index) => ({ note: { [`n${index}`]: `secretlint-disable my ${secrets[index]} there` } })),
      sample(token),
      sample('key', { [token]: 1 }),
    ]
    const report = await check(planted)
    expect(report.status).toBe('fail')
    const found = report.findings.filter(({ kind }) => kind === 'secret')
    expect([...new Set(found.flatMap(({ ids }) => ids))].sort()).toEqual([
      '[secret]',
      'key',
      's0',
      's1',
      's2',
      's3',
      's4',
    ])
    const told = JSON.stringify(report)
    for (const secret of [...secrets, 'hunter2secret', 'MIIEvQ']) expect(told).not.toContain(secret)
  })

  it('licences and sources, once there is a list', async () => {
    const license = ['GPL-3.0', 'CC-BY-NC-4.0', '', undefined, 'mit']
    const planted = several(5, 'l', (index) => ({ license: license[index], source: index % 2 === 0 ? 'crawl' : 'own' }))
    expect(await idsOf('license', planted)).toEqual([])
    const { findings, status } = await check(planted, {
      license: { allowed: ['MIT', 'CC0-1.0'], value: 'CC0-1.0' },
      source: { action: 'warn', allowed: ['own'], value: 'own' },
    })
    expect(status).toBe('fail')
    expect(findings.map((finding) => [finding.kind, 'value' in finding ? finding.value : null, finding.ids])).toEqual([
      ['license', 'GPL-3.0', ['l0']],
      ['license', 'CC-BY-NC-4.0', ['l1']],
      ['source', 'crawl', ['l0', 'l2', 'l4']],
    ])
    const none = await check([], { license: { allowed: ['MIT'] } })
    expect(none.findings[0]).toMatchObject({ kind: 'license', severity: 'fail', ids: { length: 60 } })
  })

  it('a batch that was relabelled since the release', async () => {
    const rows = several(400, 'r', (index) => ({ label: index < 200 ? 'a' : 'b' }))
    const labels = { training: { a: 229 - 30, b: 230 + 30 }, evaluation: {} }
    const now = await check(rows, { released: { labels, slices: { training: {}, evaluation: {} } } })
    // 59 rows of "other" and 400 planted: 229 of a and 230 of b. Thirty more had the label b.
    const drift = now.findings.filter(({ kind }) => kind === 'drift')
    expect(drift).toHaveLength(2)
    expect(drift).toMatchObject([
      { of: 'label', value: 'a', change: 'more', rows: 30 },
      { of: 'label', value: 'b', change: 'fewer', rows: 30 },
    ])
    const same = { training: { a: 229, b: 230 }, evaluation: {} }
    const before = await check(rows, { released: { labels: same, slices: { training: {}, evaluation: {} } } })
    expect(before.findings.filter(({ kind }) => kind === 'drift')).toEqual([])
  })

  describe('rows that were relabelled in equal numbers both ways', () => {
    const summary = {
      labels: { training: { a: 229, b: 230 }, evaluation: {} },
      slices: { training: {}, evaluation: {} },
    }
    // Drawn apart, so that the samples of the other tests stay as they are.
    const own = seededRandom('relabelled')
    const rows = Array.from({ length: 400 }, (_, index) => ({
      id: `r${index}`,
      text: Array.from({ length: 12 }, () => words[own.below(words.length)]!).join(' '),
      label: index < 200 ? 'a' : 'b',
    }))
    /** The rows of the release: `swapped` of each label had the other one. */
    const releasedRows = (swapped: number) =>
      rows.map(({ id, label }, index) => ({
        id,
        label: index % 200 < swapped ? (label === 'a' ? 'b' : 'a') : label,
      }))
    const looked = (swapped: number, relabelled?: QualityOptions['relabelled']) =>
      check(rows, { released: { ...summary, rows: releasedRows(swapped) }, relabelled })
    const found = ({ findings }: Awaited<ReturnType<typeof check>>) =>
      findings.filter(({ kind }) => ['drift', 'relabelled'].includes(kind))

    it('are a finding, and no drift', async () => {
      const report = await looked(15)
      expect(found(report)).toMatchObject([
        { kind: 'relabelled', severity: 'warn', label: 'a', share: 0.075, ids: { length: 30 } },
      ])
      expect(found(report)[0]!.message).toContain(
        '30 of 400 samples for training have another label than in the release: "a" → "b" (15), "b" → "a" (15). Of those with the label "a", 7.5 % changed, more than 1 %.',
      )
      const moves = [
        { before: 'a', after: 'b', rows: 15 },
        { before: 'b', after: 'a', rows: 15 },
      ]
      expect(report.relabelled).toEqual({ compared: 400, rows: 30, moves })
    })

    it('fail if the settings say so', async () => {
      expect((await looked(15, 'fail')).status).toBe('fail')
    })

    it.each([
      ['there are few of them', 9, undefined],
      ['the share is allowed', 15, { maximumShare: 0.08 }],
      ['they are not looked for', 15, 'off'],
      ['there are none', 0, { minimumRows: 0, maximumShare: 0 }],
    ] as const)('are no finding if %s', async (_, swapped, setting) => {
      expect(found(await looked(swapped, setting))).toEqual([])
    })

    it('are reported without a finding', async () => {
      expect((await looked(1)).relabelled).toMatchObject({ compared: 400, rows: 2, moves: { length: 2 } })
    })

    it('of the evaluation set, and rows that came, went or have no label, are not compared', async () => {
      const released = [
        ...releasedRows(0),
        { id: 'other0', label: 'b' },
        { id: 'gone', label: 'a' },
        { id: 'other2' },
        { id: 'other1', label: 'c' },
      ]
      const report = await check(rows, { released: { ...summary, rows: released } })
      expect(report.relabelled).toEqual({ compared: 401, rows: 1, moves: [{ before: 'c', after: 'b', rows: 1 }] })
    })

    it('are said not to be looked for if nobody knows the rows of the release', async () => {
      const { unchecked, relabelled } = await check(rows, { released: summary })
      expect(relabelled).toBeUndefined()
      expect(unchecked.join()).toContain('Relabelled rows were not looked for')
    })

    it('have a label that is a secret', async () => {
      const token = `ghp_${'a1B2'.repeat(9)}`
      const released = releasedRows(0).map((row, index) => (index < 30 ? { ...row, label: token } : row))
      const report = await check(rows, { released: { ...summary, rows: released } })
      expect(report.relabelled).toMatchObject({ rows: 30, moves: [{ after: 'a', rows: 30 }] })
      expect(JSON.stringify(report)).not.toContain(token)
    })
  })
})

it('the same samples give the same findings, in any order', async () => {
  const planted = several(40, 'p', (index) => ({ text: index % 4 === 0 ? 'one text for ten of them' : text() }))
  const one = await check(planted)
  expect(await check([...planted].reverse()).then(({ findings }) => findings.map(({ ids }) => ids))).toEqual(
    one.findings.map(({ ids }) => ids),
  )
})

it('refuses unknown options and thresholds out of range', async () => {
  await expect(check([], { secrte: 'off' } as object)).rejects.toThrow('"secrte" is not an option')
  await expect(check([], { secret: 'ignore' as 'off' })).rejects.toThrow('secret.action is "ignore"')
  await expect(check([], { leakage: { similarity: 0.2 } })).rejects.toThrow('a number from 0.5 to 1')
})
