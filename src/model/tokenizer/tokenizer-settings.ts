// @huggingface/tokenizers ignores some settings, and interprets others differently than the library for Python and
// Rust. This file lists the settings that both treat the same way, as `npm run test:interop -- tokenizers` shows. All
// others are rejected.

type Settings = Readonly<Record<string, unknown>>

/** Names a setting: `pre_tokenizer.behavior is "MergedWithNext"`. */
type Refuse = (setting: string, value?: unknown) => void

const object = (value: unknown): Settings =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Settings) : {}
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
/** A setting that is absent, null, false, zero or empty does nothing. */
const isSet = (value: unknown) =>
  value !== undefined && value !== null && value !== false && value !== 0 && value !== ''

/**
 * Settings of a tokenizer that would give different tokens here than in Python.
 *
 * @param tokenizer `tokenizer.json`
 * @param config `tokenizer_config.json`
 * @param specialTokens `special_tokens_map.json`, or nothing
 * @returns the settings, each with its value
 */
export function unsupportedSettings(tokenizer: Settings, config: Settings, specialTokens: Settings): readonly string[] {
  const found: string[] = []
  const refuse: Refuse = (setting, value) => {
    found.push(value === undefined ? setting : `${setting} is ${JSON.stringify(value)}`)
  }
  checkModel(object(tokenizer['model']), refuse)
  for (const [section, rules, parts] of [
    ['normalizer', normalizers, 'normalizers'],
    ['pre_tokenizer', preTokenizers, 'pretokenizers'],
    ['post_processor', postProcessors, 'processors'],
    ['decoder', decoders, 'decoders'],
  ] as const)
    checkSection(tokenizer[section], section, rules, parts, refuse)
  checkAddedTokens(tokenizer, refuse)
  checkTemplate(tokenizer, refuse)
  checkConfig(tokenizer, config, specialTokens, refuse)
  return found
}

/** By type: which settings it has that are not supported. */
type Rules = Readonly<Record<string, (settings: Settings, refuse: Refuse) => void>>
const anySetting = () => {}

const replacement = ({ pattern }: Settings, refuse: Refuse) => {
  if (typeof object(pattern)['String'] !== 'string') refuse('pattern', pattern)
}

// Lowercase, Strip, StripAccents, Precompiled and BertNormalizer follow other tables of Unicode.
const normalizers: Rules = {
  NFC: anySetting,
  NFD: anySetting,
  NFKC: anySetting,
  NFKD: anySetting,
  Prepend: anySetting,
  Replace: replacement,
}

const behaviors: readonly unknown[] = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']
const behaves = ({ behavior = 'Isolated' }: Settings, refuse: Refuse) => {
  if (!behaviors.includes(behavior)) refuse('behavior', behavior)
}

const preTokenizers: Rules = {
  ByteLevel: anySetting,
  WhitespaceSplit: anySetting,
  Whitespace: anySetting,
  Digits: anySetting,
  Metaspace(settings, refuse) {
    const { prepend_scheme: scheme = 'always', add_prefix_space: prefix, str_rep: printed, replacement } = settings
    if (prefix !== undefined && prefix !== (scheme !== 'never')) refuse('add_prefix_space', prefix)
    if (isSet(printed) && printed !== replacement) refuse('str_rep', printed)
  },
  Split: behaves,
  Punctuation: behaves,
}

const postProcessors: Rules = {
  TemplateProcessing: anySetting,
  ByteLevel: anySetting,
  BertProcessing: anySetting,
  RobertaProcessing: anySetting,
}

const decoders: Rules = {
  ByteLevel: anySetting,
  ByteFallback: anySetting,
  Fuse: anySetting,
  Replace: replacement,
  Strip: anySetting,
  WordPiece: anySetting,
  Metaspace({ add_prefix_space: prefix }, refuse) {
    if (prefix === false) refuse('add_prefix_space', prefix)
  },
}

function checkSection(value: unknown, path: string, rules: Rules, parts: string, refuse: Refuse): void {
  if (value === null || value === undefined) return
  const settings = object(value)
  const type = String(settings['type'])
  if (type === 'Sequence') {
    for (const part of list(settings[parts])) checkSection(part, path, rules, parts, refuse)
    return
  }
  if (!Object.hasOwn(rules, type)) refuse(`${path}.type`, type)
  else rules[type]!(settings, (setting, value) => refuse(`${path}.${setting}`, value))
}

function checkModel(model: Settings, refuse: Refuse): void {
  const { type } = model
  const off = (...settings: readonly string[]) => {
    for (const setting of settings) if (isSet(model[setting])) refuse(`model.${setting}`, model[setting])
  }
  if (type === 'BPE') off('dropout', 'continuing_subword_prefix', 'end_of_word_suffix')
  else if (type === 'Unigram') off('byte_fallback')
  else if (type !== 'WordPiece' && type !== 'WordLevel') refuse('model.type', type)
  const { unk_token: unknown } = model
  if (typeof unknown === 'string' && !vocabularyOf(model).has(unknown)) refuse('model.unk_token', unknown)
}

function vocabularyOf({ vocab }: Settings): ReadonlyMap<string, unknown> {
  return Array.isArray(vocab)
    ? new Map(vocab.map((entry, id) => [String(list(entry)[0]), id]))
    : new Map(Object.entries(object(vocab)))
}

function checkAddedTokens(tokenizer: Settings, refuse: Refuse): void {
  const vocabulary = vocabularyOf(object(tokenizer['model']))
  const first = prefixesFirst(tokenizer)
  const prepends = JSON.stringify(tokenizer['normalizer'] ?? null).includes('"type":"Prepend"')
  if (first && object(tokenizer['pre_tokenizer'])['type'] === 'Sequence')
    refuse('pre_tokenizer.prepend_scheme', 'first')
  for (const token of list(tokenizer['added_tokens']).map(object)) {
    const name = `added_tokens[${JSON.stringify(token['content'])}]`
    for (const setting of ['single_word', 'lstrip', 'rstrip'])
      if (isSet(token[setting])) refuse(`${name}.${setting}`, token[setting])
    // Their normalized form, too, stands at the beginning of a text, or gets another name when it is decoded.
    if (isNormalized(token) && (first || (prepends && token['special'] !== true))) refuse(`${name}.normalized`, true)
    const id = vocabulary.get(String(token['content']))
    if (id !== undefined && id !== token['id']) refuse(`${name}.id`, token['id'])
  }
}

/** Whether an added token is found in normalized text. */
export const isNormalized = ({ normalized, special }: Settings): boolean => (normalized ?? special !== true) === true

const prefixesFirst = (tokenizer: Settings) =>
  JSON.stringify(tokenizer['pre_tokenizer'] ?? null).includes('"prepend_scheme":"first"')

/** A template may insert several tokens for one name; the library inserts the token of that name. */
function checkTemplate(tokenizer: Settings, refuse: Refuse): void {
  const ids = idsOf(tokenizer)
  const processor = object(tokenizer['post_processor'])
  for (const settings of [processor, ...list(processor['processors']).map(object)]) {
    for (const [name, special] of Object.entries(object(settings['special_tokens']))) {
      const inserted = object(special)['ids']
      if (JSON.stringify(inserted) !== JSON.stringify([ids.get(name)]))
        refuse(`post_processor.special_tokens[${JSON.stringify(name)}].ids`, inserted)
    }
    for (const key of ['sep', 'cls'])
      if (key in settings && ids.get(String(list(settings[key])[0])) !== list(settings[key])[1])
        refuse(`post_processor.${key}`, settings[key])
  }
}

function idsOf(tokenizer: Settings): ReadonlyMap<string, unknown> {
  const added = list(tokenizer['added_tokens']).map(object)
  return new Map([
    ...vocabularyOf(object(tokenizer['model'])),
    ...added.map(({ content, id }) => [String(content), id] as const),
  ])
}

// What transformers for Python changes in a tokenizer when it loads it.
function checkConfig(tokenizer: Settings, config: Settings, specialTokens: Settings, refuse: Refuse): void {
  for (const setting of ['split_special_tokens', 'remove_space', 'do_lowercase_and_remove_accent'])
    if (isSet(config[setting])) refuse(setting, config[setting])
  const { add_prefix_space: prefix } = config
  if (typeof prefix === 'boolean' && prefix !== prefixes(tokenizer).includes(true)) refuse('add_prefix_space', prefix)
  const added = new Map(
    list(tokenizer['added_tokens']).map((token) => [String(object(token)['content']), object(token)]),
  )
  for (const [id, token] of Object.entries(object(config['added_tokens_decoder']))) {
    const { content, ...flags } = object(token)
    const own = added.get(String(content))
    const differs = Object.entries(flags).some(([flag, value]) => flag in (own ?? {}) && own![flag] !== value)
    if (own === undefined || own['id'] !== Number(id) || differs)
      refuse(`added_tokens_decoder[${JSON.stringify(id)}]`, content)
  }
  const ids = idsOf(tokenizer)
  for (const settings of [config, specialTokens])
    for (const [setting, value] of Object.entries(settings))
      for (const token of /_tokens?$/.test(setting) ? named(value) : []) {
        const content = typeof token === 'string' ? token : object(token)['content']
        // A token that the vocabulary has, but that is not added, is split here and is one token in Python.
        if (typeof content === 'string' && content !== '' && !added.has(content))
          refuse(setting, ids.has(content) ? `${content} (not an added token)` : content)
      }
  checkBeginAndEnd(tokenizer, config, refuse)
}

/** A token, a list of tokens, or tokens by name. */
function named(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  const settings = object(value)
  return typeof value === 'string' || 'content' in settings ? [value] : Object.values(settings)
}

function prefixes(tokenizer: Settings): readonly boolean[] {
  const first = object(tokenizer['pre_tokenizer'])
  const normalizer = object(tokenizer['normalizer'])
  const settings = [first, normalizer, ...[first['pretokenizers'], normalizer['normalizers']].flatMap(list)]
  return settings.map(object).flatMap(({ type, add_prefix_space, prepend_scheme }) => {
    if (type === 'ByteLevel') return [add_prefix_space !== false]
    if (type === 'Prepend') return [true]
    return type === 'Metaspace' ? [prepend_scheme !== 'never'] : []
  })
}

// These classes rewrite the post-processor by their settings; others ignore the settings.
function checkBeginAndEnd(tokenizer: Settings, config: Settings, refuse: Refuse): void {
  if (!/^(Llama|CodeLlama|Gemma)/.test(String(config['tokenizer_class']))) return
  const template = JSON.stringify(tokenizer['post_processor'] ?? null)
  for (const [setting, name, otherwise] of [
    ['add_bos_token', 'bos_token', true],
    ['add_eos_token', 'eos_token', false],
  ] as const) {
    const token = typeof config[name] === 'string' ? config[name] : object(config[name])['content']
    const wanted = config[setting] ?? otherwise
    if (typeof token === 'string' && wanted !== template.includes(JSON.stringify(token))) refuse(setting, wanted)
  }
}
