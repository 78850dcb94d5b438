/** The content of a header, before validation. */
export interface RawHeader {
  readonly metadata: ReadonlyMap<string, string> | undefined
  readonly tensors: readonly RawTensor[]
}

export interface RawTensor {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly offsets: readonly number[]
}

/**
 * Parses the JSON of a header, and only that: an object of tensors, with `__metadata__` as a map of strings.
 *
 * Does not use `JSON.parse`, for three reasons: it silently keeps the last of two equal keys, it accepts 1.0 and 1e3 as
 * integers, and it builds 100 million arrays for a 100 MB header of `[`. This reader never goes deeper than the format.
 *
 * @param fail throws an error with this fact.
 */
export function parseHeaderJson(text: string, fail: (fact: string) => never): RawHeader {
  let at = 0

  const skipSpace = () => {
    for (;;) {
      const code = text.charCodeAt(at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      at += 1
    }
  }
  const take = (character: string): boolean => {
    skipSpace()
    if (text[at] !== character) return false
    at += 1
    return true
  }
  const expect = (character: string): void => {
    if (!take(character)) fail(`its header is not JSON of the format: no "${character}" at character ${at}`)
  }

  const readString = (): string => {
    expect('"')
    const start = at
    let escaped = false
    for (; ; at += 1) {
      const code = text.charCodeAt(at)
      if (code === 0x22) break
      if (!(code >= 0x20)) fail(`its header is not JSON of the format: a string is not closed at character ${at}`)
      if (code === 0x5c) {
        escaped = true
        at += 1
      }
    }
    const raw = text.slice(start, at)
    at += 1
    if (!escaped) return raw
    let value = ''
    try {
      value = JSON.parse(`"${raw}"`) as string
    } catch {
      fail(`its header is not JSON: a string contains an invalid escape before character ${at}`)
    }
    if (!value.isWellFormed()) fail(`its header contains a lone surrogate before character ${at}`)
    return value
  }

  const readInteger = (what: string): number => {
    skipSpace()
    const start = at
    for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = text.charCodeAt(at)) at += 1
    const digits = text.slice(start, at)
    if (!/^(0|[1-9][0-9]{0,15})$/.test(digits) || /[.eE]/.test(text[at] ?? ''))
      fail(`${what} is not a plain integer of 0 or more, at character ${start} of the header`)
    const value = Number(digits)
    if (!Number.isSafeInteger(value)) fail(`${what} is above 2^53 - 1, at character ${start} of the header`)
    return value
  }

  const readIntegers = (what: string): number[] => {
    const values: number[] = []
    expect('[')
    if (take(']')) return values
    do values.push(readInteger(what))
    while (take(','))
    expect(']')
    return values
  }

  const readMembers = (where: string, read: (key: string) => void): void => {
    const seen = new Set<string>()
    expect('{')
    if (take('}')) return
    do {
      const key = readString()
      if (seen.has(key)) fail(`the key ${shown(key)} appears twice in ${where}`)
      seen.add(key)
      expect(':')
      read(key)
    } while (take(','))
    expect('}')
  }

  const takeNull = (): boolean => {
    skipSpace()
    if (!text.startsWith('null', at)) return false
    at += 4
    return true
  }

  const readMetadata = (): Map<string, string> => {
    const entries = new Map<string, string>()
    readMembers('__metadata__', (key) => {
      skipSpace()
      if (text[at] !== '"') fail(`__metadata__ contains something other than a string under ${shown(key)}`)
      entries.set(key, readString())
    })
    return entries
  }

  const readTensor = (name: string): RawTensor => {
    const tensor = `tensor ${shown(name)}`
    let dtype: string | undefined
    let shape: number[] | undefined
    let offsets: number[] | undefined
    readMembers(tensor, (key) => {
      if (key === 'dtype') dtype = readString()
      else if (key === 'shape') shape = readIntegers(`a size in the shape of ${tensor}`)
      else if (key === 'data_offsets') offsets = readIntegers(`an offset of ${tensor}`)
      else fail(`${tensor} has an unknown key ${shown(key)}`)
    })
    if (dtype === undefined || shape === undefined || offsets === undefined)
      return fail(`${tensor} lacks dtype, shape or data_offsets`)
    return { name, dtype, shape, offsets }
  }

  let metadata: Map<string, string> | undefined
  const tensors: RawTensor[] = []
  readMembers('the header', (key) => {
    if (key !== '__metadata__') tensors.push(readTensor(key))
    else if (!takeNull()) metadata = readMetadata()
  })
  skipSpace()
  if (at < text.length) fail('something other than white space follows the JSON of its header')
  return { metadata, tensors }
}

/** Formats a name for an error: quoted and truncated. */
export function shown(name: string): string {
  return JSON.stringify(name.length > longestShown ? `${name.slice(0, longestShown)}…` : name)
}

const longestShown = 80
