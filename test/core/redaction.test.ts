import { describe, expect, it } from 'vitest'
import { createRedactor, createRunId, isRunId, redactJson } from '../../src/core/index.js'

describe('createRedactor', () => {
  it('hides what it was told, as it is and in a URL', () => {
    const redact = createRedactor(['p@ss word/1', 'longer p@ss word/1'])
    expect(redact('a p@ss word/1 b p%40ss%20word%2F1 c longer p@ss word/1')).toBe('a [secret] b [secret] c [secret]')
  })

  it.each([
    `hf_${'a'.repeat(34)}`,
    `ghp_${'A1'.repeat(18)}`,
    `github_pat_${'a'.repeat(30)}`,
    'xoxb-1234567890-abcdef',
    'https://hooks.slack.com/services/T000/B000/XXXX',
    // Split, so that no scanner takes them for real.
    `sk-${'proj-'}${'a1'.repeat(20)}`,
    `sk-ant-${'api03-'}${'a1'.repeat(20)}`,
    `${'AKIA'}IOSFODNN7EXAMPLE`,
    `glpat-${'a1'.repeat(10)}`,
    `npm_${'a1'.repeat(18)}`,
    `AIza${'a'.repeat(35)}`,
    `sk_live_${'a1'.repeat(12)}`,
    `xapp-${'a1'.repeat(12)}`,
    `gh${'s'}_${'a1'.repeat(12)}`,
    `rk_test_${'a1'.repeat(12)}`,
    `${'ASIA'}IOSFODNN7EXAMPLE`,
    `-----BEGIN ${'EC '}PRIVATE KEY-----\nMHcCAQEE\nIA==\n-----END ${'EC '}PRIVATE KEY-----`,
  ])('hides what looks like a token: %s', (token) => {
    expect(createRedactor()(`before ${token} after`)).toBe('before [secret] after')
  })

  it.each([
    'sha256:4f5e6d7c8b9a4f5e6d7c8b9a4f5e6d7c8b9a4f5e6d7c8b9a4f5e6d7c8b9a4f5e',
    'a task-oriented-dialogue-dataset-2024 and sk-learn-compatible-estimators-only',
    'AKIA, ASIAN, npm_config_registry, risk_test_2',
    '-----BEGIN PUBLIC KEY-----\nMFkwEwYH\n-----END PUBLIC KEY-----',
    '01m8kej34mewz19bjwdr',
  ])('leaves %s', (text) => {
    expect(createRedactor()(text)).toBe(text)
  })

  it('takes time that grows with the length of the text only', () => {
    const text = 'sk-'.repeat(100_000)
    expect(createRedactor()(text)).toBe(text)
  })

  it('hides a password in a URL and a bearer token, and leaves ordinary words alone', () => {
    const redact = createRedactor(['ab'])
    expect(redact('https://user:hunter2@host/x Authorization: Bearer abcdefgh.ijk')).toBe(
      'https://user:[secret]@host/x Authorization: Bearer [secret]',
    )
    expect(redact('about a bearer of news at 12:30, see http://host:80/a')).toBe(
      'about a bearer of news at 12:30, see http://host:80/a',
    )
  })
})

describe('redactJson', () => {
  it('copies JSON as it is, apart from secrets and members that are undefined', () => {
    const redact = createRedactor(['hunter22'])
    const value = JSON.parse('{"__proto__":{"a":"hunter22"},"constructor":["b",null,1,true],"":{}}')
    const copy = redactJson(Object.assign(value, { gone: undefined }), redact)
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"a":"[secret]"},"constructor":["b",null,1,true],"":{}}')
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
  })
})

describe('createRunId', () => {
  it('sorts by time, and is told from other text', () => {
    const early = createRunId(1_000_000, undefined, new Uint8Array(10).fill(255))
    const late = createRunId(1_000_032, undefined, new Uint8Array(10))
    expect(early < late).toBe(true)
    expect(isRunId(early) && isRunId(createRunId(Date.UTC(2026, 0, 1)))).toBe(true)
    for (const other of ['', '../../../../../../x', 'I'.repeat(20), 1]) expect(isRunId(other)).toBe(false)
  })

  it('sorts after the latest id, even if the clock was set back', () => {
    const latest = createRunId(Date.UTC(2026, 5, 1), undefined, new Uint8Array(10).fill(255))
    const next = createRunId(Date.UTC(2020, 0, 1), latest, new Uint8Array(10))
    expect(next > latest && isRunId(next)).toBe(true)
    expect(createRunId(Date.UTC(2020, 0, 1), next) > next).toBe(true)
    const later = Date.UTC(2027, 0, 1)
    expect(createRunId(later, latest).slice(0, 10)).toBe(createRunId(later).slice(0, 10))
    expect(createRunId(later, 'not an id').slice(0, 10)).toBe(createRunId(later).slice(0, 10))
  })
})
