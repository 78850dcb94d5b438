/** A node of the tree that @huggingface/jinja parses a template to; only what is walked here. */
export interface TemplateNode {
  readonly type: string
  readonly [part: string]: unknown
}

export interface FreeVariables {
  /** Names as the template wrote them (with their tags), in the order in which they are met. */
  readonly used: readonly string[]
  /** Names that the template asks about (`x is defined`, `x | default('')`): it works without them. */
  readonly optional: ReadonlySet<string>
}

/** The names that a template does not set itself. `nameOf` gives the name that an identifier stands for. */
export function freeVariables(program: TemplateNode, nameOf: (identifier: string) => string): FreeVariables {
  const used: string[] = []
  const optional = new Set<string>()

  function visit(value: unknown, scope: Scope): void {
    if (Array.isArray(value)) for (const item of value) visit(item, scope)
    else if (value instanceof Map) for (const [key, item] of value) visit([key, item], scope)
    else if (isNode(value)) visitNode(value, scope)
  }

  function visitNode(node: TemplateNode, scope: Scope): void {
    switch (node.type) {
      case 'Identifier': {
        const identifier = node['value'] as string
        if (!scope.has(nameOf(identifier))) used.push(identifier)
        return
      }
      case 'Set':
        visit(node['value'], scope)
        visit(node['body'], scope.inner())
        declare(node['assignee'], scope)
        return
      case 'For': {
        // `for x in xs if x.ok`: the condition sees the loop's variable, the list does not.
        const iterable = node['iterable'] as TemplateNode
        const inner = scope.inner()
        const filtered = iterable.type === 'SelectExpression'
        visit(filtered ? iterable['lhs'] : iterable, scope)
        declare(node['loopvar'], inner)
        inner.add('loop')
        if (filtered) visit(iterable['test'], inner)
        visit(node['body'], inner)
        visit(node['defaultBlock'], scope)
        return
      }
      case 'Macro':
        declare(node['name'], scope)
        visitBody(node['args'], node['body'], scope, ['varargs', 'kwargs', 'caller'])
        return
      case 'CallStatement':
        visit(node['call'], scope)
        visitBody(node['callerArgs'], node['body'], scope, [])
        return
      case 'MemberExpression':
        visit(node['object'], scope)
        if (node['computed'] === true) visit(node['property'], scope)
        return
      case 'KeywordArgumentExpression':
        visit(node['value'], scope)
        return
      case 'TestExpression':
        if (['defined', 'undefined'].includes(nameOf((node['test'] as TemplateNode)['value'] as string)))
          ask(node['operand'])
        visit(node['operand'], scope)
        return
      case 'FilterExpression':
      case 'FilterStatement':
        visitFilter(node, scope)
        return
      case 'BinaryExpression':
        visit([node['left'], node['right']], scope)
        return
      case 'UnaryExpression':
        visit(node['argument'], scope)
        return
      default:
        for (const [part, value] of Object.entries(node)) if (part !== 'type') visit(value, scope)
    }
  }

  function visitFilter(node: TemplateNode, scope: Scope): void {
    const filter = node['filter'] as TemplateNode
    const called = filter.type === 'CallExpression'
    const name = nameOf((called ? (filter['callee'] as TemplateNode) : filter)['value'] as string)
    if (name === 'default' || name === 'd') ask(node['operand'])
    visit(node['operand'], scope)
    if (called) visit(filter['args'], scope)
    visit(node['body'], scope)
  }

  function visitBody(parameters: unknown, body: unknown, scope: Scope, given: readonly string[]): void {
    const inner = scope.inner()
    for (const name of given) inner.add(name)
    for (const parameter of (parameters ?? []) as readonly TemplateNode[]) {
      if (parameter.type === 'KeywordArgumentExpression') visit(parameter['value'], scope)
      declare(parameter.type === 'KeywordArgumentExpression' ? parameter['key'] : parameter, inner)
    }
    visit(body, inner)
  }

  function declare(target: unknown, scope: Scope): void {
    if (!isNode(target)) return
    if (target.type === 'Identifier') scope.add(nameOf(target['value'] as string))
    else if (target.type === 'TupleLiteral')
      for (const item of target['value'] as readonly unknown[]) declare(item, scope)
    // `set ns.x = 1` needs `ns`.
    else visit(target, scope)
  }

  function ask(operand: unknown): void {
    if (isNode(operand) && operand.type === 'Identifier') optional.add(nameOf(operand['value'] as string))
  }

  visit(program, new Scope())
  return { used, optional }
}

class Scope {
  readonly #names = new Set<string>()
  readonly #outer: Scope | undefined

  constructor(outer?: Scope) {
    this.#outer = outer
  }

  has(name: string): boolean {
    return this.#names.has(name) || (this.#outer?.has(name) ?? false)
  }

  add(name: string): void {
    this.#names.add(name)
  }

  inner(): Scope {
    return new Scope(this)
  }
}

const isNode = (value: unknown): value is TemplateNode =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
