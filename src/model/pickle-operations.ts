/** What lies on the machine's stack, as far as it matters here: whether it can be called, or be arguments. */
export type Kind = 'value' | 'mark' | 'tuple' | 'callable' | 'any'

export type LineArgument = 'integer' | 'float' | 'quoted' | 'text' | 'names'

/** One opcode of the pickle machine (CPython, Lib/pickletools.py). */
export interface Operation {
  /** Bytes that follow (0 or more), minus the bytes of a length that follows (below 0), or lines that follow. */
  readonly argument: number | LineArgument | 'proto'
  /** Taken from the stack; 'mark': all down to the topmost mark, and it. */
  readonly pops: number | 'mark'
  readonly pushes: Kind | undefined
  /** What must lie on the stack after the pops. */
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

/** POP: the only one that may take a mark away by count. */
export const pop = operation(0, 1)
const calls = { calls: true }
const below = { needs: 1 }

// Values that a persistent id stands for count as plain ones: they come from the loader, and word lists are full of "P".
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

/** Kept of an argument that ends with its line; longer ones are judged by their length alone. */
export const maximumLineBytes = 4096

/** Whether an argument is one; `line` has at most one byte more than is kept. */
export function isLineSound(argument: LineArgument, line: readonly number[]): boolean {
  // Too long to have been kept: numbers and strings may be, names are not.
  if (line.length > maximumLineBytes) return argument !== 'names'
  return lineShapes[argument].test(Buffer.from(line).toString('latin1'))
}
