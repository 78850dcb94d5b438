/** Kind of a value on the machine's stack: whether it can be called, or be arguments. */
export type Kind = 'value' | 'mark' | 'tuple' | 'callable' | 'any'

export type LineArgument = 'integer' | 'float' | 'quoted' | 'text' | 'names'

/** One opcode of the pickle machine (CPython, Lib/pickletools.py). */
export interface Operation {
  /** Number of argument bytes (0 or more), the negated number of length bytes (below 0), or the argument lines. */
  readonly argument: number | LineArgument | 'proto'
  /** Number of values taken from the stack; 'mark': everything down to and including the topmost mark. */
  readonly pops: number | 'mark'
  readonly pushes: Kind | undefined
  /** Number of values that must be on the stack after the pops. */
  readonly needs: number
  readonly calls: boolean
  readonly stops: boolean
}

const operation = (
  argument: Operation['argument'],
  pops: Operation['pops'] = 0,
  pushes: Operation['pushes'] = undefined,
  rest: Partial<Operation> = {},
): Operation => ({ argument, pops, pushes, needs: 0, calls: false, stops: false, ...rest })

/** POP: the only operation that may remove a mark by count. */
export const pop = operation(0, 1)
const calls = { calls: true }
const below = { needs: 1 }

// Values behind a persistent id count as plain values: they come from the loader, and word lists are full of "P".
const table: readonly (readonly [codes: string, Operation])[] = [
  ['N\x88\x89]}\x8f', operation(0, 0, 'value')],
  ['K', operation(1, 0, 'value')],
  ['M', operation(2, 0, 'value')],
  ['J', operation(4, 0, 'value')],
  ['G', operation(8, 0, 'value')],
  ['U\x8cC\x8a', operation(-1, 0, 'value')],
  ['TXB\x8b', operation(-4, 0, 'value')],
  ['\x8d\x8e\x96', operation(-8, 0, 'value')],
  ['IL', operation('integer', 0, 'value')],
  ['F', operation('float', 0, 'value')],
  ['S', operation('quoted', 0, 'value')],
  ['VP', operation('text', 0, 'value')],
  ['Q', operation(0, 1, 'value')],
  ['\x97', operation(0, 0, 'value')],
  ['\x98', operation(0, 0, undefined, below)],
  [')', operation(0, 0, 'tuple')],
  ['\x85', operation(0, 1, 'tuple')],
  ['\x86', operation(0, 2, 'tuple')],
  ['\x87', operation(0, 3, 'tuple')],
  ['t', operation(0, 'mark', 'tuple')],
  ['ld\x91', operation(0, 'mark', 'value')],
  ['eu\x90', operation(0, 'mark', undefined, below)],
  ['a', operation(0, 2, 'value')],
  ['s', operation(0, 3, 'value')],
  ['b', operation(0, 2, 'any')],
  ['(', operation(0, 0, 'mark')],
  ['0', pop],
  ['1', operation(0, 'mark')],
  ['2', operation(0, 0, 'any', below)],
  ['g', operation('integer', 0, 'any')],
  ['h', operation(1, 0, 'any')],
  ['j', operation(4, 0, 'any')],
  ['p', operation('integer', 0, undefined, below)],
  ['q', operation(1, 0, undefined, below)],
  ['r', operation(4, 0, undefined, below)],
  ['\x94', operation(0, 0, undefined, below)],
  ['c', operation('names', 0, 'callable')],
  ['\x93', operation(0, 2, 'callable')],
  ['\x82', operation(1, 0, 'callable')],
  ['\x83', operation(2, 0, 'callable')],
  ['\x84', operation(4, 0, 'callable')],
  ['i', operation('names', 'mark', 'any', calls)],
  ['o', operation(0, 'mark', 'any', calls)],
  ['R\x81', operation(0, 2, 'any', calls)],
  ['\x92', operation(0, 3, 'any', calls)],
  ['\x80', operation('proto')],
  ['\x95', operation(8)],
  ['.', operation(0, 1, undefined, { stops: true })],
]

export const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>(
  table.flatMap(([codes, does]) => [...codes].map((code) => [code.charCodeAt(0), does] as const)),
)

const lineShapes: { readonly [A in LineArgument]: RegExp } = {
  integer: /^\s*[-+]?\d[\dA-Fa-fxXoO_]*L?\s*$/,
  float: /^\s*[-+]?(\d|\.\d|inf|nan)/i,
  quoted: /^\s*(["']).*\1\s*$/s,
  text: /^/,
  names: /^[A-Za-z_][\w.]*$/,
}

/** Number of bytes kept of a line argument. Longer ones are judged only by their length. */
export const maximumLineBytes = 4096

/** Whether an argument is valid. `line` has at most one byte more than the limit. */
export function isLineSound(argument: LineArgument, line: readonly number[]): boolean {
  // Longer than the limit: valid for numbers and strings, but not for names.
  if (line.length > maximumLineBytes) return argument !== 'names'
  return lineShapes[argument].test(Buffer.from(line).toString('latin1'))
}
