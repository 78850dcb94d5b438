import { Fault, unsupported } from './fault.js'
import type { Token } from './lexer.js'
import type { Arguments, BinaryOperator, Comparison, Expression, FilterCall } from './syntax.js'

/** More are refused: the parser and the interpreter recurse. */
const maximumDepth = 100

/** The names of the filters and tests that exist. */
export interface Known {
  readonly filters: { has(name: string): boolean }
  readonly tests: { has(name: string): boolean }
}

const noArguments: Arguments = { positional: [], named: [] }
const constants = new Map<string, boolean | null>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
])
const comparisons = new Set(['==', '!=', '<', '<=', '>', '>='])

/** The grammar of jinja2/parser.py, with its precedence: `-2 ** 2` is 4, and `-x | abs` filters `-x`. */
export class ExpressionParser {
  readonly #tokens: readonly Token[]
  readonly #known: Known
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[], known: Known) {
    this.#tokens = tokens
    this.#known = known
  }

  get token(): Token {
    return this.#tokens[this.#at]!
  }

  next(): Token {
    const token = this.token
    if (token.type !== 'end') this.#at += 1
    return token
  }

  is(type: Token['type'], value?: string, ahead = 0): boolean {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!
    return token.type === type && (value === undefined || token.value === value)
  }

  skip(type: 'name' | 'operator', value: string): boolean {
    const found = this.is(type, value)
    if (found) this.next()
    return found
  }

  expect(type: Token['type'], value?: string): Token {
    if (this.is(type, value)) return this.next()
    throw this.unexpected(value ?? { name: 'a name', 'block-end': '%}', 'output-end': '}}' }[type as 'name'] ?? type)
  }

  unexpected(wanted?: string): Fault {
    const { type, value, at } = this.token
    const found = type === 'end' ? value : JSON.stringify(typeof value === 'string' ? value.trim() : String(value))
    return new Fault(
      wanted === undefined
        ? `${found} is not an expression`
        : `${JSON.stringify(wanted)} is expected, and ${found} is found`.replace('"a name"', 'a name'),
      at,
    )
  }

  nested<T>(parse: () => T): T {
    if (this.#depth === maximumDepth)
      throw new Fault(`it is nested more than ${maximumDepth} levels deep`, this.token.at)
    this.#depth += 1
    const parsed = parse()
    this.#depth -= 1
    return parsed
  }

  /** One expression, or several with commas, which make a tuple. */
  tuple({ conditional = true, isEnd = () => this.#isTupleEnd(), parentheses = false } = {}): Expression {
    const { at } = this.token
    const items: Expression[] = []
    let isTuple = false
    while (!isEnd()) {
      items.push(conditional ? this.expression() : this.#or())
      if (!this.skip('operator', ',')) break
      isTuple = true
    }
    if (isTuple) return { type: 'tuple', items, at }
    if (items.length === 1) return items[0]!
    if (!parentheses) throw this.unexpected()
    return { type: 'tuple', items, at }
  }

  #isTupleEnd(): boolean {
    return this.is('output-end') || this.is('block-end') || this.is('operator', ')')
  }

  expression(): Expression {
    return this.nested(() => {
      let result = this.#or()
      for (let { at } = this.token; this.skip('name', 'if'); at = this.token.at) {
        const test = this.#or()
        const otherwise = this.skip('name', 'else') ? this.expression() : undefined
        result = { type: 'conditional', test, value: result, otherwise, at }
      }
      return result
    })
  }

  #or(): Expression {
    let left = this.#and()
    for (let { at } = this.token; this.skip('name', 'or'); at = this.token.at)
      left = { type: 'or', left, right: this.#and(), at }
    return left
  }

  #and(): Expression {
    let left = this.#not()
    for (let { at } = this.token; this.skip('name', 'and'); at = this.token.at)
      left = { type: 'and', left, right: this.#not(), at }
    return left
  }

  #not(): Expression {
    const { at } = this.token
    if (!this.skip('name', 'not')) return this.#compare()
    return this.nested(() => ({ type: 'not', operand: this.#not(), at }))
  }

  #compare(): Expression {
    const left = this.#sum()
    const { at } = this.token
    const found: Comparison[] = []
    for (;;) {
      const { type, value } = this.token
      if (type === 'operator' && comparisons.has(value)) {
        this.next()
        found.push({ operator: value as Comparison['operator'], right: this.#sum() })
      } else if (this.skip('name', 'in')) found.push({ operator: 'in', right: this.#sum() })
      else if (this.is('name', 'not') && this.is('name', 'in', 1)) {
        this.next()
        this.next()
        found.push({ operator: 'not in', right: this.#sum() })
      } else break
    }
    return found.length === 0 ? left : { type: 'compare', left, comparisons: found, at }
  }

  #sum = () => this.#binary(['+', '-'], this.#concatenation)
  #product = (): Expression => this.#binary(['*', '/', '//', '%'], this.#power)
  #power = (): Expression => this.#binary(['**'], () => this.#unary(true))

  #concatenation = (): Expression => {
    const { at } = this.token
    const parts = [this.#product()]
    while (this.skip('operator', '~')) parts.push(this.#product())
    return parts.length === 1 ? parts[0]! : { type: 'concatenation', parts, at }
  }

  #binary(operators: readonly string[], operand: () => Expression): Expression {
    let left = operand()
    for (;;) {
      const { type, value, at } = this.token
      if (type !== 'operator' || !operators.includes(value)) return left
      this.next()
      left = { type: 'binary', operator: value as BinaryOperator, left, right: operand(), at }
    }
  }

  #unary(withFilters: boolean): Expression {
    const { at } = this.token
    const sign = this.skip('operator', '-') ? 'negative' : this.skip('operator', '+') ? 'positive' : undefined
    const operand: Expression =
      sign === undefined ? this.primary() : this.nested(() => ({ type: sign, operand: this.#unary(false), at }))
    const node = this.#postfix(operand)
    return withFilters ? this.#filtersAndTests(node) : node
  }

  primary(): Expression {
    const token = this.token
    const { at } = token
    switch (token.type) {
      case 'name':
        this.next()
        return constants.has(token.value)
          ? { type: 'constant', value: constants.get(token.value)!, at }
          : { type: 'name', name: token.value, at }
      case 'string': {
        let value = ''
        while (this.is('string')) value += this.next().value
        return { type: 'constant', value, at }
      }
      case 'integer':
      case 'float':
        this.next()
        return { type: 'constant', value: token.value, at }
      case 'operator':
        if (this.skip('operator', '(')) {
          const inner = this.nested(() => this.tuple({ parentheses: true }))
          this.expect('operator', ')')
          return inner
        }
        if (this.skip('operator', '[')) return { type: 'list', items: this.#list(']', () => this.expression()), at }
        if (this.skip('operator', '{')) {
          const entry = (): readonly [Expression, Expression] => {
            const key = this.expression()
            this.expect('operator', ':')
            return [key, this.expression()]
          }
          return { type: 'dict', entries: this.#list('}', entry), at }
        }
    }
    throw this.unexpected()
  }

  #list<T>(end: string, item: () => T): readonly T[] {
    const items: T[] = []
    while (!this.is('operator', end)) {
      items.push(item())
      if (!this.skip('operator', ',')) break
    }
    this.expect('operator', end)
    return items
  }

  #postfix(start: Expression): Expression {
    let object = start
    for (;;) {
      const { at } = this.token
      if (this.skip('operator', '.')) {
        const { type, value } = this.token
        if (type !== 'name' && type !== 'integer') throw this.unexpected('a name')
        this.next()
        object =
          type === 'name'
            ? { type: 'attribute', object, name: value, at }
            : { type: 'item', object, key: { type: 'constant', value, at }, at }
      } else if (this.skip('operator', '[')) object = this.#subscript(object, at)
      else if (this.is('operator', '(')) object = { type: 'call', callee: object, arguments: this.arguments(), at }
      else return object
    }
  }

  #subscript(object: Expression, at: number): Expression {
    const isEnd = () => this.is('operator', ']') || this.is('operator', ',')
    const bounds: (Expression | undefined)[] = [this.is('operator', ':') ? undefined : this.expression()]
    while (bounds.length < 3 && this.skip('operator', ':'))
      bounds.push(isEnd() || this.is('operator', ':') ? undefined : this.expression())
    if (this.is('operator', ',')) throw unsupported('an index with a comma', this.token.at)
    this.expect('operator', ']')
    return bounds.length === 1
      ? { type: 'item', object, key: bounds[0]!, at }
      : { type: 'slice', object, bounds: [bounds[0], bounds[1], bounds[2]], at }
  }

  #filtersAndTests(start: Expression): Expression {
    let operand = start
    for (;;) {
      const { at } = this.token
      if (this.is('operator', '|')) {
        this.next()
        operand = { type: 'filter', operand, ...this.#filter() }
      } else if (this.is('name', 'is')) operand = this.#test(operand)
      else if (this.is('operator', '(')) operand = { type: 'call', callee: operand, arguments: this.arguments(), at }
      else return operand
    }
  }

  /** `upper | replace('a', 'b')`, without an operand. */
  filters(first: boolean): readonly FilterCall[] {
    const found: FilterCall[] = first ? [this.#filter()] : []
    while (this.skip('operator', '|')) found.push(this.#filter())
    return found
  }

  #filter(): FilterCall {
    const { at } = this.token
    const name = this.#dottedName()
    if (!this.#known.filters.has(name)) throw unsupported(`the filter "${name}"`, at)
    return { name, arguments: this.is('operator', '(') ? this.arguments() : noArguments, at }
  }

  #test(operand: Expression): Expression {
    this.next()
    const negated = this.skip('name', 'not')
    const { at } = this.token
    const name = this.#dottedName()
    if (!this.#known.tests.has(name)) throw unsupported(`the test "is ${name}"`, at)
    const test: Expression = { type: 'test', operand, name, arguments: this.#testArguments(), at }
    return negated ? { type: 'not', operand: test, at } : test
  }

  // `x is divisibleby 3` has its argument without parentheses.
  #testArguments(): Arguments {
    if (this.is('operator', '(')) return this.arguments()
    const { type, value } = this.token
    const begins =
      ['name', 'string', 'integer', 'float'].includes(type) || this.is('operator', '[') || this.is('operator', '{')
    if (!begins || (type === 'name' && ['else', 'or', 'and'].includes(value))) return noArguments
    if (this.is('name', 'is')) throw new Fault('several tests with "is" cannot follow each other', this.token.at)
    return { positional: [this.#postfix(this.primary())], named: [] }
  }

  #dottedName(): string {
    let name = this.expect('name').value as string
    while (this.skip('operator', '.')) name += `.${this.expect('name').value}`
    return name
  }

  arguments(): Arguments {
    const { at } = this.expect('operator', '(')
    const positional: Expression[] = []
    const named: { name: string; value: Expression }[] = []
    let spread: Expression | undefined
    let namedSpread: Expression | undefined
    this.#list(')', () => {
      const isNamed = this.is('name') && this.is('operator', '=', 1)
      const late = this.is('operator', '**')
        ? namedSpread !== undefined
        : namedSpread !== undefined ||
          (!isNamed && (spread !== undefined || (!this.is('operator', '*') && named.length > 0)))
      if (late) throw new Fault('the arguments of this call are in a wrong order', at)
      if (this.skip('operator', '*')) spread = this.expression()
      else if (this.skip('operator', '**')) namedSpread = this.expression()
      else if (isNamed) {
        const name = this.next().value as string
        this.next()
        if (named.some((other) => other.name === name)) throw new Fault(`the argument "${name}" is given twice`, at)
        named.push({ name, value: this.expression() })
      } else positional.push(this.expression())
    })
    return { positional, named, spread, namedSpread }
  }
}
