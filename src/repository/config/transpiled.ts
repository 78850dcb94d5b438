import type { Jiti, JitiOptions, TransformOptions } from 'jiti'

type Transform = NonNullable<JitiOptions['transform']>

// In this process, by what the result depends on. Babel takes 10 ms for one line, and a program such as `sheikh watch` reads the
// same files again and again.
const known = new Map<string, string>()
let knownLength = 0
const longestTotal = 16_000_000

/** Translates a module to what Node evaluates, once for each content. */
export function transpiled(jiti: Pick<Jiti, 'transform'>): Transform {
  return (options) => {
    const key = keyOf(options)
    const found = key === undefined ? undefined : known.get(key)
    if (found !== undefined) return { code: found }
    const code = jiti.transform(options)
    if (key !== undefined && !code.includes('__JITI_ERROR__')) keep(key, code)
    return { code }
  }
}

/** `undefined` if the result contains the file's path, which is different in another folder. */
function keyOf({ filename = '', ...options }: TransformOptions): string | undefined {
  if (options.source.includes('import.meta')) return undefined
  return JSON.stringify([/\.[^.]*$/.exec(filename)?.[0], options])
}

function keep(key: string, code: string): void {
  if (knownLength > longestTotal) {
    known.clear()
    knownLength = 0
  }
  known.set(key, code)
  knownLength += key.length + code.length
}
