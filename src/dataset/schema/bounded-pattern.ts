// JavaScript's regular expressions backtrack: "^(a+)+$" takes years on thirty characters. On the same thread, only V8
// itself can stop it, because it checks for termination while it backtracks. A test with a timeout costs about 0.1 ms
// more, so only tests that may take long use one.
import { createContext, Script } from 'node:vm'
import { SheikhError } from '../../core/index.js'

/** Time limit of one pattern on one text. */
const limitMs = 1000
/** A test with at most this many steps takes less than a second. */
const quickSteps = 1e7

/** A pattern of a JSON Schema, for `ajv`. Its `test` throws `invalid-config` if it takes longer than a second. */
export function boundedPattern(source: string, flags: string): { test(text: string): boolean; toString(): string } {
  const pattern = new RegExp(source, flags)
  const { unbounded, nested } = quantifiersOf(source)
  return {
    // ajv compiles one pattern for all that have the same text.
    toString: () => pattern.toString(),
    test(text) {
      // Without nesting, each unbounded quantifier and the start of the match can be anywhere in the text.
      const isQuick = !nested && text.length ** (unbounded + 1) <= quickSteps
      return isQuick ? pattern.test(text) : watchedTest(pattern, text)
    },
  }
}

let watched: { readonly script: Script; readonly context: Record<string, unknown> } | undefined

function watchedTest(pattern: RegExp, text: string): boolean {
  watched ??= { script: new Script('pattern.test(text)'), context: createContext({}) as Record<string, unknown> }
  const { script, context } = watched
  context['pattern'] = pattern
  context['text'] = text
  try {
    return script.runInContext(context, { timeout: limitMs }) as boolean
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
    throw new SheikhError(
      'invalid-config',
      `Cannot use the pattern ${JSON.stringify(pattern.source)} of the JSON Schema: it takes more than ${limitMs / 1000} second on a text of ${text.length} characters. Write it without a repetition inside a repetition.`,
      { facts: { pattern: pattern.source, textLength: text.length } },
    )
  } finally {
    context['text'] = undefined
  }
}

/** Counts too many rather than too few: a wrong count only adds a timeout. */
function quantifiersOf(source: string): { readonly unbounded: number; readonly nested: boolean } {
  // For a repetition, escapes and classes are one character each. A back reference may have any length.
  const hasReference = /\\(?:[1-9]|k<)/.test(source)
  const plain = source.replace(/\\(?:[pPu]\{[^}]*\}|.)/gs, 'x').replace(/\[[^\]]*\]/g, 'x')
  let unbounded = 0
  let nested = hasReference
  const groups: { repeats: boolean }[] = [{ repeats: false }]
  for (let at = 0; at < plain.length; at += 1) {
    const character = plain[at]!
    if (character === '(') groups.push({ repeats: false })
    else if (character === '|') groups.at(-1)!.repeats = true
    else if (character === ')') {
      const group = groups.pop() ?? { repeats: false }
      const outer = groups.at(-1)
      if (outer !== undefined) outer.repeats ||= group.repeats
      if (group.repeats && /^[*+{]/.test(plain.slice(at + 1))) nested = true
    } else if (/^[*+]|^\{\d+,?\d*\}/.test(plain.slice(at, at + 24))) {
      unbounded += 1
      groups.at(-1)!.repeats = true
    }
  }
  return { unbounded, nested }
}
