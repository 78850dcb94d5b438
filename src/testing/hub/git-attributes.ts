/** What a new repository of the Hub keeps out of Git. */
const patterns = [
  ...['7z', 'arrow', 'bin', 'bz2', 'ckpt', 'ftz', 'gz', 'h5', 'joblib'].map((ending) => `*.${ending}`),
  '*.lfs.*',
  ...[
    'mlmodel',
    'model',
    'msgpack',
    'npy',
    'npz',
    'onnx',
    'ot',
    'parquet',
    'pb',
    'pickle',
    'pkl',
    'pt',
    'pth',
    'rar',
  ].map((ending) => `*.${ending}`),
  '*.safetensors',
  'saved_model/**/*',
  ...['tar.*', 'tar', 'tflite', 'tgz', 'wasm', 'xz', 'zip', 'zst'].map((ending) => `*.${ending}`),
  '*tfevents*',
]

const line = (pattern: string) => `${pattern} filter=lfs diff=lfs merge=lfs -text\n`

export const defaultAttributes = patterns.map(line).join('')

/** Says of a path whether these attributes keep it out of Git. */
export function keptOutBy(attributes: string): (path: string) => boolean {
  const rules = attributes.split(/\r?\n/).flatMap((text) => {
    const [pattern, ...words] = text.trim().split(/\s+/)
    const filters = words.filter((word) => /^[-!]?filter(?:=|$)/.test(word))
    if (!pattern || pattern.startsWith('#') || filters.length === 0) return []
    return [{ matches: matcher(pattern), isLarge: filters.at(-1) === 'filter=lfs' }]
  })
  // The last line that says something of it decides.
  return (path) => rules.findLast(({ matches }) => matches(path))?.isLarge ?? false
}

/** The attributes, with a line for each path that they do not keep out yet. */
export function withPaths(attributes: string, paths: readonly string[]): string {
  const isKeptOut = keptOutBy(attributes)
  const missing = paths.filter((path) => !isKeptOut(path))
  if (missing.length === 0) return attributes
  const separator = attributes === '' || attributes.endsWith('\n') ? '' : '\n'
  return attributes + separator + missing.map((path) => line(escaped(path))).join('')
}

const escaped = (path: string) => path.replace(/[\\*?[\]]/g, '\\$&').replace(/\s/g, '[[:space:]]')

/** https://git-scm.com/docs/gitignore, as far as attributes use it. */
function matcher(pattern: string): (path: string) => boolean {
  const isAnchored = pattern.includes('/')
  const source = pattern
    .replace(/^\//, '')
    .replace(/\\(.)|\[\[:space:\]\]|\[([^\]]+)\]|\*\*\/|\/\*\*$|\*+|\?|[.+^${}()|[\]\\]/g, (part, literal, range) => {
      if (literal !== undefined) return `\\u${literal.charCodeAt(0).toString(16).padStart(4, '0')}`
      if (part === '[[:space:]]') return '\\s'
      if (range !== undefined) return `[${range.replace(/^!/, '^').replace(/\\/g, '\\\\')}]`
      if (part === '**/') return '(?:.*/)?'
      if (part === '/**') return '/.*'
      if (part.startsWith('*')) return '[^/]*'
      return part === '?' ? '[^/]' : `\\${part}`
    })
  const expression = new RegExp(isAnchored ? `^${source}$` : `(?:^|/)${source}$`, 's')
  return (path) => expression.test(path)
}
