import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { createRedactor, SheikhError } from '../../core/index.js'

/** Characters that are scanned at once: short texts together, since a scan has a fixed cost, and long ones in parts. */
const scanLength = 65_536
/** A secret at the border of two parts is whole in one of them. No rule of secretlint looks for a longer text than this. */
const overlap = 8_192

interface Part<Key> {
  readonly key: Key
  /** Where the text begins in the scanned one. */
  readonly start: number
}

/**
 * Finds texts that look like a password, a key or a token: with the recommended rules of secretlint, and with the patterns by which
 * this package hides secrets. Gives the rule and never the value.
 *
 * @typeParam Key what a text belongs to.
 */
export class SecretScanner<Key> {
  readonly #found: (key: Key, rule: string) => void
  readonly #redact: (text: string) => string
  #parts: Part<Key>[] = []
  #text = ''
  readonly #named = new Set<Key>()
  #scan: ((text: string) => Promise<readonly SecretMessage[]>) | undefined

  /** @param secrets further texts to look for. */
  constructor(found: (key: Key, rule: string) => void, secrets: readonly string[] = []) {
    this.#found = found
    this.#redact = createRedactor(secrets)
  }

  async add(key: Key, text: string): Promise<void> {
    for (let start = 0; start === 0 || start + overlap < text.length; start += scanLength - overlap) {
      if (this.#text.length + Math.min(text.length - start, scanLength) > scanLength) await this.flush()
      this.#parts.push({ key, start: this.#text.length })
      this.#text += `${text.slice(start, start + scanLength)}\n`
    }
  }

  /** Scans what was added. Call it after the last `add`. */
  async flush(): Promise<void> {
    const [parts, text] = [this.#parts, this.#text]
    if (parts.length === 0) return
    ;[this.#parts, this.#text] = [[], '']
    this.#scan ??= await loadScan()
    let at = 0
    const messages = [...(await this.#scan(text))].sort((one, other) => one.range[0] - other.range[0])
    for (const { range, ruleId } of messages) {
      while (at + 1 < parts.length && parts[at + 1]!.start <= range[0]) at += 1
      this.#named.add(parts[at]!.key)
      this.#found(parts[at]!.key, ruleId.replace(/^.*secretlint-rule-/, ''))
    }
    // The patterns by which secrets are hidden have no positions: looked at one by one only if there is anything.
    if (this.#redact(text) === text) return
    for (const [index, { key, start }] of parts.entries()) {
      if (this.#named.has(key)) continue
      const part = text.slice(start, parts[index + 1]?.start ?? text.length)
      if (this.#redact(part) !== part) this.#found(key, 'token')
    }
  }
}

interface SecretMessage {
  readonly range: readonly [start: number, end: number]
  readonly ruleId: string
}

async function loadScan(): Promise<(text: string) => Promise<readonly SecretMessage[]>> {
  try {
    const [{ lintSource }, { creator }] = await Promise.all([
      import('@secretlint/core'),
      import('@secretlint/secretlint-rule-preset-recommend'),
    ])
    await endMarks()
    const config = { rules: [{ id: '@secretlint/secretlint-rule-preset-recommend', rule: creator }] }
    return async (text) => {
      // A sample may contain "secretlint-disable", which would hide what follows.
      const content = text.replaceAll('secretlint-', 'secretlint_')
      const source = { content, filePath: 'samples.txt', ext: '.txt', contentType: 'text' } as const
      const { messages } = await lintSource({
        source,
        options: { config, maskSecrets: true, noPhysicFilePath: true },
      })
      return messages
    }
  } catch (cause) {
    throw missing(cause)
  }
}

/**
 * Ends the marks by which secretlint measures itself, for the whole process. It keeps all of them and searches them once for
 * each new one, so that 800,000 short texts took three times as long.
 */
async function endMarks(): Promise<void> {
  // The package is a dependency of secretlint, so it is found from there.
  const core = createRequire(import.meta.url).resolve('@secretlint/core/package.json')
  const path = createRequire(core).resolve('@secretlint/profiler')
  const { secretLintProfiler } = (await import(pathToFileURL(path).href)) as {
    readonly secretLintProfiler: { mark(marker: unknown): void }
  }
  secretLintProfiler.mark = () => {}
}

/** The versions of the rules and of the program that applies them. @throws `missing-peer`. */
export function secretRulesVersion(): string {
  try {
    const require = createRequire(import.meta.url)
    const versionOf = (name: string) => String(require(`${name}/package.json`).version)
    return `${versionOf('@secretlint/secretlint-rule-preset-recommend')} ${versionOf('@secretlint/core')}`
  } catch (cause) {
    throw missing(cause)
  }
}

const missing = (cause: unknown) =>
  new SheikhError(
    'missing-peer',
    'Cannot look for secrets: the packages "@secretlint/core" and "@secretlint/secretlint-rule-preset-recommend" cannot be loaded. Install them: npm install',
    { cause },
  )
