/**
 * What is used of @huggingface/jinja. Its own declarations import files without an extension, which gives `any` under
 * NodeNext.
 */
export interface Jinja {
  readonly tokenize: (source: string) => Token[]
  readonly parse: (tokens: readonly Token[]) => Program
  readonly Environment: new (parent?: Environment) => Environment
  readonly Interpreter: new (environment: Environment) => Interpreter
}

export interface Token {
  value: string
  readonly type: string
}

export interface Program {
  readonly type: string
  readonly [part: string]: unknown
}

export interface Environment {
  readonly variables: Map<string, unknown>
  set(name: string, value: unknown): unknown
}

interface Interpreter {
  run(program: Program): RuntimeValue
  evaluate(statement: Program | undefined, environment: Environment): RuntimeValue
}

export interface RuntimeValue {
  readonly value: unknown
}

export async function loadJinja(): Promise<Jinja> {
  return (await import('@huggingface/jinja')) as unknown as Jinja
}
