export interface Setting {
  /** `section.key`, or `section.subsection.key`; section and key in lower case. */
  readonly key: string
  readonly value: string
}

/**
 * The settings of a Git configuration file, in order; what is no setting is passed over. The syntax is in git-config(1),
 * "CONFIGURATION FILE".
 */
export function parseConfig(text: string): readonly Setting[] {
  const settings: Setting[] = []
  let section = ''
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  for (let index = 0; index < lines.length; index += 1) {
    let line = lines[index]!.trimStart()
    const header = /^\[\s*([\w.-]+)\s*(?:"((?:[^"\\]|\\.)*)")?\s*\]/.exec(line)
    if (header !== null) {
      const [whole, name, subsection] = header
      section = name!.toLowerCase() + (subsection === undefined ? '' : `.${subsection.replace(/\\(.)/g, '$1')}`)
      line = line.slice(whole.length).trimStart()
    }
    const entry = /^([A-Za-z][\w-]*)\s*(=?)/.exec(line)
    if (entry === null || section === '') continue
    const [start, key, equals] = entry
    let value = 'true'
    if (equals === '=') {
      let rest = line.slice(start.length)
      // A backslash at the end of a line continues the value on the next one.
      while (/(^|[^\\])(\\\\)*\\$/.test(rest) && index + 1 < lines.length) {
        index += 1
        rest = rest.slice(0, -1) + lines[index]!
      }
      value = parseValue(rest)
    }
    settings.push({ key: `${section}.${key!.toLowerCase()}`, value })
  }
  return settings
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', b: '\b' }

function parseValue(text: string): string {
  let value = ''
  let isQuoted = false
  // Spaces outside of quotes count only between other characters.
  let kept = 0
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]!
    if (character === '\\') {
      at += 1
      value += escapes[text[at]!] ?? text[at] ?? ''
      kept = value.length
    } else if (character === '"') {
      isQuoted = !isQuoted
      kept = value.length
    } else if (!isQuoted && (character === '#' || character === ';')) break
    else if (!isQuoted && /\s/.test(character)) value += value === '' ? '' : character
    else {
      value += character
      kept = value.length
    }
  }
  return value.slice(0, kept)
}
