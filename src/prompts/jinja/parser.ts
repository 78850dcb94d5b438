import { ExpressionParser, type Known } from './expression-parser.js'
import { Fault, unsupported } from './fault.js'
import { type LexerOptions, tokenize } from './lexer.js'
import type { Body, Expression, Parameter, Statement, Target } from './syntax.js'

const reserved = new Set(['true', 'false', 'none', 'True', 'False', 'None'])

/** @param source with normalised newlines. @throws Fault with the offset at which the template is wrong */
export function parse(source: string, known: Known, options?: LexerOptions): Body {
  const parser = new ExpressionParser(tokenize(source, options), known)
  let loops = 0

  return body([], undefined)

  /** Up to one of `ends`, whose name is the current token afterwards. */
  function body(ends: readonly string[], opened: { readonly name: string; readonly at: number } | undefined): Body {
    const statements: Statement[] = []
    for (;;) {
      const token = parser.token
      const { at } = token
      if (token.type === 'end') {
        if (opened !== undefined) throw new Fault(`the block "${opened.name}" is not closed`, opened.at)
        return statements
      }
      parser.next()
      if (token.type === 'data') statements.push({ type: 'text', text: token.value, at })
      else if (token.type === 'output-begin') {
        statements.push({ type: 'output', value: printed(parser.tuple()), at })
        parser.expect('output-end')
      } else {
        if (parser.is('name') && ends.includes(parser.token.value as string)) return statements
        statements.push(statement())
        parser.expect('block-end')
      }
    }
  }

  /** The body of a block, and its last tag up to `%}`. */
  function block(name: string, at: number, insideMacro = false): Body {
    const outerLoops = loops
    if (insideMacro) loops = 0
    const statements = begunBody([`end${name}`], name, at)
    loops = outerLoops
    parser.next()
    return statements
  }

  function begunBody(ends: readonly string[], name: string, at: number): Body {
    parser.skip('operator', ':')
    parser.expect('block-end')
    return parser.nested(() => body(ends, { name, at }))
  }

  function statement(): Statement {
    const { at, value: name } = parser.expect('name')
    switch (name) {
      case 'if':
        return ifStatement(at)
      case 'for':
        return forStatement(at)
      case 'set':
        return setStatement(at)
      case 'with':
        return withStatement(at)
      case 'macro': {
        const macro = parser.expect('name').value as string
        const parameters = signature()
        return { type: 'macro', name: macro, parameters, body: block('macro', at, true), at }
      }
      case 'call': {
        const parameters = parser.is('operator', '(') ? signature() : []
        const call = parser.expression()
        if (call.type !== 'call') throw new Fault('the block "call" needs a call', at)
        return { type: 'call-block', call, parameters, body: block('call', at, true), at }
      }
      case 'filter':
        return { type: 'filter-block', filters: parser.filters(true), body: block('filter', at), at }
      // The tag by which chat templates mark what a model said; it renders its content.
      case 'generation':
        return { type: 'scope', body: block('generation', at, true), at }
      case 'break':
      case 'continue':
        if (loops === 0) throw new Fault(`"${name}" is outside of a loop`, at)
        return { type: name, at }
    }
    if (/^(end|else$|elif$)/.test(String(name))) throw new Fault(`the tag "${String(name)}" has no block`, at)
    throw unsupported(`the tag "${String(name)}"`, at)
  }

  function ifStatement(at: number): Statement {
    const branches: { test: Expression; body: Body }[] = []
    for (;;) {
      const test = parser.tuple({ conditional: false })
      branches.push({ test, body: begunBody(['elif', 'else', 'endif'], 'if', at) })
      const { value } = parser.next()
      if (value === 'elif') continue
      const otherwise = value === 'else' ? block('if', at) : []
      return { type: 'if', branches, otherwise, at }
    }
  }

  function forStatement(at: number): Statement {
    const goal = target(
      (parse) => parse,
      () => parser.is('name', 'in'),
    )
    if (!parser.skip('name', 'in')) throw parser.unexpected('in')
    const isEnd = () => parser.is('block-end') || parser.is('name', 'recursive')
    const iterable = parser.tuple({ conditional: false, isEnd })
    const filter = parser.skip('name', 'if') ? parser.expression() : undefined
    if (parser.is('name', 'recursive')) throw unsupported('a recursive loop', parser.token.at)
    loops += 1
    const statements = begunBody(['endfor', 'else'], 'for', at)
    loops -= 1
    const otherwise = parser.next().value === 'else' ? block('for', at) : []
    return { type: 'for', target: goal, iterable, filter, body: statements, otherwise, at }
  }

  function setStatement(at: number): Statement {
    const goal = target(namespaceTarget, () => false)
    if (parser.skip('operator', '=')) return { type: 'set', target: goal, value: parser.tuple(), at }
    const filters = parser.filters(false)
    return { type: 'set-block', target: goal, filters, body: block('set', at), at }
  }

  function withStatement(at: number): Statement {
    const values: (readonly [Target, Expression])[] = []
    while (!parser.is('block-end')) {
      if (values.length > 0) parser.expect('operator', ',')
      const goal = target(
        (parse) => parse,
        () => parser.is('operator', '='),
      )
      parser.expect('operator', '=')
      values.push([goal, parser.expression()])
    }
    return { type: 'with', values, body: block('with', at), at }
  }

  function namespaceTarget(plain: () => Target): () => Target {
    return () => {
      if (!parser.is('name') || !parser.is('operator', '.', 1)) return plain()
      const { at, value } = parser.next()
      parser.next()
      return { type: 'namespace', object: value as string, name: parser.expect('name').value as string, at }
    }
  }

  function target(wrap: (plain: () => Target) => () => Target, isEnd: () => boolean): Target {
    const one = wrap(() => {
      const { at } = parser.token
      if (parser.skip('operator', '(')) {
        const inner = parser.nested(() => target(wrap, () => parser.is('operator', ')')))
        parser.expect('operator', ')')
        return inner
      }
      if (!parser.is('name')) throw parser.unexpected('a name')
      return { type: 'name', name: declared(), at }
    })
    const { at } = parser.token
    const items: Target[] = []
    let isTuple = false
    while (!isEnd() && !parser.is('block-end')) {
      items.push(one())
      if (!parser.skip('operator', ',')) break
      isTuple = true
    }
    if (items.length === 0) throw parser.unexpected('a name')
    return isTuple ? { type: 'tuple', items, at } : items[0]!
  }

  function declared(): string {
    const { value, at } = parser.expect('name')
    if (reserved.has(value as string)) throw new Fault(`"${String(value)}" cannot be assigned to`, at)
    return value as string
  }

  function signature(): readonly Parameter[] {
    const parameters: Parameter[] = []
    parser.expect('operator', '(')
    while (!parser.is('operator', ')')) {
      if (parameters.length > 0) parser.expect('operator', ',')
      const { at } = parser.token
      const name = declared()
      const fallback = parser.skip('operator', '=') ? parser.expression() : undefined
      if (fallback === undefined && parameters.at(-1)?.fallback !== undefined)
        throw new Fault(`the parameter "${name}" has no default, but the one before it has`, at)
      parameters.push({ name, fallback, at })
    }
    parser.expect('operator', ')')
    return parameters
  }
}

// `safe` changes nothing in a text that is printed at once. Elsewhere it makes text that escapes what is added to it.
function printed(value: Expression): Expression {
  if (value.type === 'conditional')
    return { ...value, value: printed(value.value), otherwise: value.otherwise && printed(value.otherwise) }
  if (value.type !== 'filter' || value.name !== 'safe') return value
  return { type: 'filter', operand: printed(value.operand), name: 'string', arguments: value.arguments, at: value.at }
}
