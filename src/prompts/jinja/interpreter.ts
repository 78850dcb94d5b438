import { binary, toFloat } from './arithmetic.js'
import { applyFilter } from './builtin-filters.js'
import { applyTest } from './builtin-tests.js'
import { Fault } from './fault.js'
import { itemOf, memberOf, sliceOf } from './items.js'
import { loopVariable } from './loop.js'
import { macro } from './macro.js'
import { enter, joined, leave, made, step } from './meter.js'
import { powerOf } from './power.js'
import { Scope } from './scope.js'
import type { Arguments, Body, Expression, FilterCall, Statement, Target } from './syntax.js'
import {
  Callable,
  compare,
  contains,
  type Given,
  isEqual,
  isNumber,
  isTrue,
  items,
  Namespace,
  otherwise,
  PyDict,
  present,
  print,
  Tuple,
  toKey,
  toNumber,
  typeName,
  Undefined,
  type Value,
} from './values.js'

/** Macros that call each other, deeper. Python's own limit is reached at about the same depth. */
const maximumCalls = 100

type Jump = 'break' | 'continue' | undefined

/** Runs one template once. */
export class Interpreter {
  /** The offset of what was evaluated last. */
  at = 0
  #calls = 0
  #output: string[] = []
  readonly #running = {
    render: (body: Body, scope: Scope) => this.#call(scope, body),
    evaluate: (expression: Expression, scope: Scope) => this.#evaluate(expression, scope),
  }

  /** @throws Fault */
  render(body: Body, scope: Scope): string {
    return this.#capture(() => this.#run(body, scope))
  }

  #step(at: number): void {
    this.at = at
    step(at)
  }

  #made<V extends Value>(value: V): V {
    if (typeof value === 'string' || Array.isArray(value)) made(value.length)
    return value
  }

  #write(text: string): void {
    this.#output.push(this.#made(text))
  }

  #capture(write: () => void): string {
    const outer = this.#output
    this.#output = []
    write()
    const text = joined(this.#output, '')
    this.#output = outer
    return text
  }

  #run(body: Body, scope: Scope): Jump {
    for (const statement of body) {
      this.#step(statement.at)
      enter()
      const jump = this.#statement(statement, scope)
      leave()
      if (jump !== undefined) return jump
    }
    return undefined
  }

  #statement(node: Statement, scope: Scope): Jump {
    switch (node.type) {
      case 'text':
        this.#write(node.text)
        return undefined
      case 'output':
        this.#write(print(this.#evaluate(node.value, scope)))
        return undefined
      case 'if': {
        const branch = node.branches.find(({ test }) => isTrue(this.#evaluate(test, scope)))
        return this.#run(branch?.body ?? node.otherwise, scope)
      }
      case 'for':
        return this.#for(node, scope)
      case 'set':
        this.#assign(node.target, this.#evaluate(node.value, scope), scope)
        return undefined
      case 'set-block': {
        let jump: Jump
        const text = this.#capture(() => {
          jump = this.#run(node.body, new Scope(scope))
        })
        if (jump === undefined) this.#assign(node.target, this.#filtered(text, node.filters, scope), scope)
        return jump
      }
      case 'with': {
        const inner = new Scope(scope)
        const values = node.values.map(([target, value]) => [target, this.#evaluate(value, scope)] as const)
        for (const [target, value] of values) this.#assign(target, value, inner)
        return this.#run(node.body, inner)
      }
      case 'macro':
        scope.set(node.name, macro(node.name, node, scope, this.#running))
        return undefined
      case 'call-block': {
        const caller = macro('caller', node, scope, this.#running)
        const callee = this.#evaluate(node.call.callee, scope)
        const { positional, named } = this.#given(node.call.arguments, scope)
        this.#write(print(this.#invoke(callee, { positional, named: new Map([...named, ['caller', caller]]) })))
        return undefined
      }
      case 'filter-block': {
        let jump: Jump
        const text = this.#capture(() => {
          jump = this.#run(node.body, new Scope(scope))
        })
        if (jump === undefined) this.#write(print(this.#filtered(text, node.filters, scope)))
        return jump
      }
      case 'scope':
        return this.#run(node.body, new Scope(scope))
      case 'break':
      case 'continue':
        return node.type
    }
  }

  #for(node: Statement & { readonly type: 'for' }, scope: Scope): Jump {
    let list = items(this.#evaluate(node.iterable, scope))
    const { filter } = node
    if (filter !== undefined)
      list = list.filter((item) => {
        this.#step(node.at)
        const inner = new Scope(scope)
        this.#assign(node.target, item, inner)
        return isTrue(this.#evaluate(filter, inner))
      })
    let index = 0
    const loop = loopVariable(list, () => index)
    let isEmpty = true
    for (; index < list.length; index += 1) {
      this.#step(node.at)
      const inner = new Scope(scope)
      this.#assign(node.target, list[index]!, inner)
      inner.set('loop', loop)
      const jump = this.#run(node.body, inner)
      if (jump === 'break') break
      // As in Jinja2, a round that "break" or "continue" ends does not count for the "else" of the loop.
      if (jump === undefined) isEmpty = false
    }
    return isEmpty ? this.#run(node.otherwise, new Scope(scope)) : undefined
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.type === 'name') scope.set(target.name, value)
    else if (target.type === 'namespace') {
      const object = scope.get(target.object)
      this.at = target.at
      if (!(object instanceof Namespace)) throw new Fault(`"${target.object}" is not a namespace`)
      object.map.set(target.name, value)
    } else {
      const parts = items(present(value))
      this.at = target.at
      if (parts.length !== target.items.length)
        throw new Fault(`${parts.length} values cannot be assigned to ${target.items.length} names`)
      for (const [index, part] of target.items.entries()) this.#assign(part, parts[index]!, scope)
    }
  }

  #filtered(value: Value, filters: readonly FilterCall[], scope: Scope): Value {
    return filters.reduce<Value>((operand, { name, arguments: given, at }) => {
      const evaluated = this.#given(given, scope)
      this.at = at
      return this.#made(applyFilter(name, operand, evaluated))
    }, value)
  }

  #call(scope: Scope, body: Body): string {
    this.#calls += 1
    if (this.#calls > maximumCalls) throw new Fault(`macros call each other more than ${maximumCalls} levels deep`)
    const text = this.#capture(() => this.#run(body, scope))
    this.#calls -= 1
    return text
  }

  #given({ positional, named, spread, namedSpread }: Arguments, scope: Scope): Given {
    const values = positional.map((argument) => this.#evaluate(argument, scope))
    const byName = new Map(named.map(({ name, value }) => [name, this.#evaluate(value, scope)]))
    if (spread !== undefined) values.push(...items(present(this.#evaluate(spread, scope))))
    if (namedSpread !== undefined) {
      const mapping = this.#evaluate(namedSpread, scope)
      if (!(mapping instanceof PyDict)) throw new Fault('"**" needs a mapping')
      for (const [name, value] of mapping.map) {
        if (typeof name !== 'string' || byName.has(name)) throw new Fault('"**" has a name that is taken')
        byName.set(name, value)
      }
    }
    return { positional: values, named: byName }
  }

  #invoke(callee: Value, given: Given): Value {
    if (!(present(callee) instanceof Callable)) throw new Fault(`a value of type ${typeName(callee)} cannot be called`)
    return this.#made((callee as Callable).call(given))
  }

  #evaluate(node: Expression, scope: Scope): Value {
    this.#step(node.at)
    enter()
    const value = this.#valueOf(node, scope)
    leave()
    return value
  }

  #valueOf(node: Expression, scope: Scope): Value {
    const evaluate = (part: Expression) => this.#evaluate(part, scope)
    /** What follows is about this node, and no longer about its parts. */
    const here = <V>(value: V): V => {
      this.at = node.at
      return value
    }
    switch (node.type) {
      case 'constant':
        return node.value
      case 'name':
        return otherwise(scope.get(node.name), new Undefined(`"${node.name}"`))
      case 'list':
        return node.items.map(evaluate)
      case 'tuple':
        return new Tuple(node.items.map(evaluate))
      case 'dict':
        return new PyDict(node.entries.map(([key, value]) => [toKey(here(evaluate(key))), evaluate(value)] as const))
      case 'attribute':
        return memberOf(here(evaluate(node.object)), node.name)
      case 'item': {
        const object = evaluate(node.object)
        return itemOf(object, here(evaluate(node.key)))
      }
      case 'slice': {
        const object = evaluate(node.object)
        const bounds = node.bounds.map((bound) => (bound === undefined ? null : evaluate(bound)))
        return sliceOf(here(object), bounds)
      }
      case 'call': {
        const callee = evaluate(node.callee)
        return this.#invoke(callee, here(this.#given(node.arguments, scope)))
      }
      case 'filter': {
        const operand = evaluate(node.operand)
        return this.#made(applyFilter(node.name, operand, here(this.#given(node.arguments, scope))))
      }
      case 'test': {
        const operand = evaluate(node.operand)
        return applyTest(node.name, operand, here(this.#given(node.arguments, scope)))
      }
      case 'compare': {
        let left = evaluate(node.left)
        return node.comparisons.every(({ operator, right }) => {
          const value = here(evaluate(right))
          const holds = comparisons[operator](left, value)
          left = value
          return holds
        })
      }
      case 'binary': {
        const left = evaluate(node.left)
        const right = here(evaluate(node.right))
        if (node.operator === '**') return this.#made(powerOf(node, left, right))
        return this.#made(binary(node.operator, left, right))
      }
      case 'concatenation':
        return this.#made(
          joined(
            node.parts.map((part) => print(here(evaluate(part)))),
            '',
          ),
        )
      case 'and': {
        const left = evaluate(node.left)
        return isTrue(left) ? evaluate(node.right) : left
      }
      case 'or': {
        const left = evaluate(node.left)
        return isTrue(left) ? left : evaluate(node.right)
      }
      case 'not':
        return !isTrue(evaluate(node.operand))
      case 'negative':
      case 'positive': {
        const value = present(here(evaluate(node.operand)))
        if (!isNumber(value)) throw new Fault(`a value of type ${typeName(value)} has no sign`)
        const number = toNumber(value)
        return node.type === 'positive' ? number : typeof number === 'bigint' ? -number : -toFloat(number)
      }
      case 'conditional':
        if (isTrue(evaluate(node.test))) return evaluate(node.value)
        return node.otherwise === undefined
          ? new Undefined('the value of an "if" without "else"')
          : evaluate(node.otherwise)
    }
  }
}

const comparisons = {
  '==': isEqual,
  '!=': (left: Value, right: Value) => !isEqual(left, right),
  '<': (left: Value, right: Value) => compare(left, right) < 0,
  '<=': (left: Value, right: Value) => compare(left, right) <= 0,
  '>': (left: Value, right: Value) => compare(left, right) > 0,
  '>=': (left: Value, right: Value) => compare(left, right) >= 0,
  in: (left: Value, right: Value) => contains(right, left),
  'not in': (left: Value, right: Value) => !contains(right, left),
}
