// The keys under `quality` in dataset/config.yaml, and the options that they make.
import * as z from 'zod'
import type { QualityAction, QualityOptions, QualityOrigin } from '../../dataset/index.js'
import { textOf, type Values, valuesAt } from './values.js'

const action = z.enum(['fail', 'warn', 'off'], { error: 'expected fail, warn or off' })
const share = z.number().min(0).max(1)
const rows = z.number().int().min(0).max(1e9)
const names = z.array(z.string().min(1).max(1_000)).min(1)
/** An action, or a map with thresholds. */
const setting = (thresholds: Readonly<Record<string, z.ZodType>> = {}) =>
  z.union([
    action,
    z.strictObject({
      action: action.optional(),
      ...Object.fromEntries(Object.entries(thresholds).map(([name, type]) => [name, type.optional()])),
    }),
  ])
const similar = { similarity: z.number().min(0.5).max(1) }
const origin = { allowed: names, field: z.string().min(1).max(1_000) }

/** By key. */
export const qualityTypes: Readonly<Record<string, z.ZodType>> = {
  secret: setting(),
  leakage: setting(similar),
  license: setting(origin),
  source: setting(origin),
  label_conflict: setting(similar),
  label_error: setting({ minimum_probability: share }),
  duplicate: setting(similar),
  balance: setting({ minimum_rows: rows, maximum_ratio: z.number().min(1).max(1e9) }),
  drift: setting({ level: z.number().gt(0).max(0.5), minimum_effect: share, minimum_rows: rows }),
  relabelled: setting({ maximum_share: share, minimum_rows: rows }),
  empty_text: setting(),
  oversized_text: setting({ maximum_characters: z.number().int().min(1).max(1e9) }),
  token_limit: setting({ maximum_tokens: z.number().int().min(1).max(1e9), tokenizer: z.string().min(1).max(1_000) }),
  charset: setting(),
  personal_data: setting({ kinds: z.array(z.enum(['email', 'phone', 'iban', 'card'])).min(1) }),
}

/** `quality` with the licences and sources of `dataset` and `categories`, which are the values of samples without their own. */
export function qualityOf(file: Values): QualityOptions {
  const given = Object.entries(valuesAt(file, 'quality')).filter(([, value]) => value !== null)
  const options = Object.fromEntries(given.map(([name, value]) => [camel(name), camelKeys(value)]))
  const withOrigin = (name: 'license' | 'source') => {
    const setting = options[name] ?? {}
    const values: QualityOrigin = {
      value: textOf(valuesAt(file, 'dataset')[name]),
      byFolder: Object.fromEntries(
        Object.keys(valuesAt(file, 'categories')).flatMap((folder) => {
          const value = textOf(valuesAt(file, 'categories', folder)[name])
          return value === undefined ? [] : [[folder, value]]
        }),
      ),
    }
    return { ...(typeof setting === 'string' ? { action: setting as QualityAction } : (setting as object)), ...values }
  }
  // Its files are read when tokens are counted.
  const { tokenizer: _, ...limit } = Object(options['tokenLimit']) as Values
  const tokenLimit = typeof options['tokenLimit'] === 'object' ? { tokenLimit: limit } : {}
  return { ...options, ...tokenLimit, license: withOrigin('license'), source: withOrigin('source') }
}

/** The folder of the tokenizer that counts tokens. */
export const tokenizerOf = (file: Values): string | undefined =>
  textOf(valuesAt(file, 'quality', 'token_limit')['tokenizer'])

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

function camelKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [camel(name), member]))
}
