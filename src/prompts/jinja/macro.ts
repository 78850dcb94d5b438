// https://jinja.palletsprojects.com/en/stable/templates/#macros
import { Fault } from './fault.js'
import { Scope } from './scope.js'
import type { Body, Expression, Parameter } from './syntax.js'
import { Callable, type Given, otherwise, PyDict, Tuple, Undefined, type Value } from './values.js'

interface Signature {
  readonly parameters: readonly Parameter[]
  readonly body: Body
}

interface Running {
  readonly render: (body: Body, scope: Scope) => string
  readonly evaluate: (expression: Expression, scope: Scope) => Value
}

/** A macro. The names `caller`, `varargs` and `kwargs` are bound only if its body mentions them, as in Jinja2. */
export function macro(name: string, { parameters, body }: Signature, outer: Scope, running: Running): Callable {
  const mentioned = mentionedIn(body, parameters)
  return new Callable(name, (given) =>
    running.render(body, bind(name, parameters, mentioned, given, new Scope(outer), running.evaluate)),
  )
}

function bind(
  name: string,
  parameters: readonly Parameter[],
  mentioned: readonly string[],
  { positional, named }: Given,
  scope: Scope,
  evaluate: Running['evaluate'],
): Scope {
  const rest = new Map(named)
  const defaults: Parameter[] = []
  for (const [index, parameter] of parameters.entries()) {
    const byName = rest.get(parameter.name)
    rest.delete(parameter.name)
    if (byName !== undefined && index < positional.length)
      throw new Fault(`the macro "${name}" is given the argument "${parameter.name}" twice`)
    const value = index < positional.length ? positional[index] : byName
    if (value === undefined) defaults.push(parameter)
    scope.set(parameter.name, otherwise(value, new Undefined(`parameter "${parameter.name}"`)))
  }
  const declared = new Set(parameters.map((parameter) => parameter.name))
  if (mentioned.includes('caller') && !declared.has('caller')) {
    scope.set('caller', otherwise(rest.get('caller'), new Undefined('"caller"')))
    rest.delete('caller')
  }
  if (mentioned.includes('kwargs')) scope.set('kwargs', new PyDict(rest))
  else if (rest.size > 0) throw new Fault(`the macro "${name}" has no argument "${[...rest.keys()][0]!}"`)
  if (mentioned.includes('varargs')) scope.set('varargs', new Tuple(positional.slice(parameters.length)))
  else if (positional.length > parameters.length)
    throw new Fault(`the macro "${name}" takes ${parameters.length} arguments, and ${positional.length} are given`)
  for (const parameter of defaults)
    if (parameter.fallback !== undefined) scope.set(parameter.name, evaluate(parameter.fallback, scope))
  return scope
}

const known = new WeakMap<Body, readonly string[]>()

/** The special names that a macro mentions, looked for once: a loop may define a macro many times. */
function mentionedIn(body: Body, parameters: readonly Parameter[]): readonly string[] {
  const found =
    known.get(body) ?? ['caller', 'varargs', 'kwargs'].filter((special) => mentions([body, parameters], special))
  known.set(body, found)
  return found
}

/** Whether a name is read anywhere in a part of the tree. */
function mentions(part: unknown, name: string): boolean {
  if (Array.isArray(part)) return part.some((item) => mentions(item, name))
  if (typeof part !== 'object' || part === null) return false
  const node = part as { readonly type?: unknown; readonly name?: unknown }
  if (node.type === 'name' && node.name === name) return true
  return Object.values(part).some((value) => mentions(value, name))
}
