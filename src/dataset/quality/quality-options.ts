import { SheikhError } from '../../core/index.js'
import type { PersonalData, QualityKind } from './quality-finding.js'
import type { TokenCounter } from './token-counter.js'

export type QualityAction = 'fail' | 'warn' | 'off'

/** An action, or an action with thresholds. */
export type QualitySetting<Thresholds = unknown> =
  | QualityAction
  | ({ readonly action?: QualityAction | undefined } & Thresholds)

/** What to look for, and what a finding leads to. */
export interface QualityOptions {
  /** Texts that look like a password, a key or a token, in any field of a sample. @default 'fail' */
  readonly secret?: QualitySetting | undefined
  /** Training rows that repeat a row of the evaluation set. @default 'fail' */
  readonly leakage?: QualitySetting<QualitySimilarity> | undefined
  /** Equal or nearly equal inputs. Rows of one declared group are expected to be alike. @default 'warn' */
  readonly duplicate?: QualitySetting<QualitySimilarity> | undefined
  /** Equal or nearly equal inputs with different labels. @default 'warn' */
  readonly labelConflict?: QualitySetting<QualitySimilarity> | undefined
  /** Labels that a model which did not learn from the row finds improbable. @default 'warn' */
  readonly labelError?:
    | QualitySetting<{
        /** The least probability of the suggested label, 0..1. @default 0.7 */
        readonly minimumProbability?: number | undefined
      }>
    | undefined
  /** Labels with few training rows. @default 'warn' */
  readonly balance?:
    | QualitySetting<{
        /** Fewer training rows of a label are a finding. @default 5 */
        readonly minimumRows?: number | undefined
        /** A label with so many times fewer rows than the most frequent one is a finding. @default 100 */
        readonly maximumRatio?: number | undefined
      }>
    | undefined
  /** Labels and slices of rows that came or went since the release. @default 'warn' */
  readonly drift?:
    | QualitySetting<{
        /** Chance of a false finding over all tests of one check, 0..1. @default 0.01 */
        readonly level?: number | undefined
        /** Smaller differences are no finding: total variation, 0..1. @default 0.2 */
        readonly minimumEffect?: number | undefined
        /** Fewer rows that came or went are not tested. @default 20 */
        readonly minimumRows?: number | undefined
      }>
    | undefined
  /** Training rows that have another label than in the release, also if the numbers of rows per label are the same. @default 'warn' */
  readonly relabelled?:
    | QualitySetting<{
        /** A larger share of a released label's rows that has another label is a finding, 0..1. @default 0.01 */
        readonly maximumShare?: number | undefined
        /** Fewer relabelled rows, over all labels, are no finding. @default 20 */
        readonly minimumRows?: number | undefined
      }>
    | undefined
  /** Inputs without a visible character. @default 'warn' */
  readonly emptyText?: QualitySetting | undefined
  readonly oversizedText?:
    | QualitySetting<{
        /** In UTF-16 code units. @default 100,000 */
        readonly maximumCharacters?: number | undefined
      }>
    | undefined
  /** Tokens of prompts and answers. @default 'warn', but nothing is counted without a `counter` */
  readonly tokenLimit?:
    | QualitySetting<{
        /** `tokenCounter('models/base')`. @default nothing is counted */
        readonly counter?: TokenCounter | undefined
        /** Of prompt and answer together. @default no limit: tokens are only counted */
        readonly maximumTokens?: number | undefined
      }>
    | undefined
  /** Replacement characters, mojibake, control characters, and mixed Unicode forms, in any field. @default 'warn' */
  readonly charset?: QualitySetting | undefined
  /** Personal data in any field. @default 'off' */
  readonly personalData?:
    | QualitySetting<{
        /** @default all */
        readonly kinds?: readonly PersonalData[] | undefined
      }>
    | undefined
  /** Where samples come from. @default 'fail' with `allowed`, otherwise 'off' */
  readonly source?: QualitySetting<QualityOrigin> | undefined
  /** Licences of samples. @default 'fail' with `allowed`, otherwise 'off' */
  readonly license?: QualitySetting<QualityOrigin> | undefined
}

export interface QualitySimilarity {
  /**
   * From which two texts are nearly equal: the Jaccard similarity of their pairs of neighbouring words, 0.5..1. Texts of fewer
   * than five words are compared word by word. @default 0.8
   */
  readonly similarity?: number | undefined
}

export interface QualityOrigin {
  /** The values that samples may have. @default anything */
  readonly allowed?: readonly string[] | undefined
  /** The field of a sample with its value. @default 'license' or 'source' */
  readonly field?: string | undefined
  /** The value of samples without the field. @default none */
  readonly value?: string | undefined
  /** The value of samples without the field, by folder (`slices.category`). Before `value`. @default none */
  readonly byFolder?: Readonly<Record<string, string>> | undefined
}

const defaults = {
  secret: { action: 'fail' },
  leakage: { action: 'fail', similarity: 0.8 },
  duplicate: { action: 'warn', similarity: 0.8 },
  labelConflict: { action: 'warn', similarity: 0.8 },
  labelError: { action: 'warn', minimumProbability: 0.7 },
  balance: { action: 'warn', minimumRows: 5, maximumRatio: 100 },
  drift: { action: 'warn', level: 0.01, minimumEffect: 0.2, minimumRows: 20 },
  relabelled: { action: 'warn', maximumShare: 0.01, minimumRows: 20 },
  emptyText: { action: 'warn' },
  oversizedText: { action: 'warn', maximumCharacters: 100_000 },
  tokenLimit: { action: 'warn' },
  charset: { action: 'warn' },
  personalData: { action: 'off', kinds: ['email', 'phone', 'iban', 'card'] },
  source: { action: 'off', field: 'source' },
  license: { action: 'off', field: 'license' },
} as const satisfies Record<keyof QualityOptions, object>

type Setting = { readonly action: QualityAction }
/** Every setting with its defaults. */
export interface QualitySettings {
  readonly secret: Setting
  readonly leakage: Setting & { readonly similarity: number }
  readonly duplicate: Setting & { readonly similarity: number }
  readonly labelConflict: Setting & { readonly similarity: number }
  readonly labelError: Setting & { readonly minimumProbability: number }
  readonly balance: Setting & { readonly minimumRows: number; readonly maximumRatio: number }
  readonly drift: Setting & { readonly level: number; readonly minimumEffect: number; readonly minimumRows: number }
  readonly relabelled: Setting & { readonly maximumShare: number; readonly minimumRows: number }
  readonly emptyText: Setting
  readonly oversizedText: Setting & { readonly maximumCharacters: number }
  readonly tokenLimit: Setting & { readonly counter?: TokenCounter; readonly maximumTokens?: number }
  readonly charset: Setting
  readonly personalData: Setting & { readonly kinds: readonly PersonalData[] }
  readonly source: Setting & QualityOrigin & { readonly field: string }
  readonly license: Setting & QualityOrigin & { readonly field: string }
}

/** @throws `invalid-options` for an unknown option, an unknown action, or a threshold outside its range. */
export function qualitySettings(options: QualityOptions): QualitySettings {
  const given = options as Readonly<Record<string, QualitySetting | undefined>>
  for (const name of Object.keys(given))
    if (!Object.hasOwn(defaults, name)) throw invalid(`"${name}" is not an option`, Object.keys(defaults))
  const settings = Object.entries(defaults).map(([name, standard]) => {
    const setting = given[name]
    const chosen: object = typeof setting === 'string' ? { action: setting } : (setting ?? {})
    const known = Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined))
    const listed = 'allowed' in known && !('action' in known) ? { action: 'fail' } : {}
    const all = { ...standard, ...listed, ...known } as Setting & Readonly<Record<string, unknown>>
    if (!['fail', 'warn', 'off'].includes(all.action))
      throw invalid(`${name}.action is ${JSON.stringify(all.action)}`, ['fail', 'warn', 'off'])
    for (const [threshold, [least, most]] of Object.entries(ranges)) {
      const value = all[threshold]
      if (value !== undefined && !(typeof value === 'number' && value >= least && value <= most))
        throw invalid(`${name}.${threshold} is ${String(value)}`, [`a number from ${least} to ${most}`])
    }
    return [name, all]
  })
  return Object.fromEntries(settings) as unknown as QualitySettings
}

const ranges: Readonly<Record<string, readonly [least: number, most: number]>> = {
  // Below, the time is no longer linear in the number of texts.
  similarity: [0.5, 1],
  minimumProbability: [0, 1],
  minimumRows: [0, 1e9],
  maximumRatio: [1, 1e9],
  level: [1e-12, 0.5],
  minimumEffect: [0, 1],
  maximumShare: [0, 1],
  maximumCharacters: [1, 1e9],
  maximumTokens: [1, 1e9],
}

const invalid = (fact: string, known: readonly string[]) =>
  new SheikhError('invalid-options', `Cannot check data quality: ${fact}. Known: ${known.join(', ')}.`)

/** The name of a kind's option: `label-error` is `labelError`. */
export const optionOf = (kind: QualityKind): keyof QualityOptions =>
  kind.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()) as keyof QualityOptions
