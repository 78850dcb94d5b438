import type { Arguments, Body, Expression, Parameter, Statement, Target } from './syntax.js'

interface FreeVariables {
  /** Names that the template does not set itself, in the order in which they are met. */
  readonly used: readonly { readonly name: string; readonly at: number }[]
  /** Names that the template asks about (`x is defined`, `x | default('')`, `if x`, `x or ''`): it works without them. */
  readonly optional: ReadonlySet<string>
  /** Names that are read anywhere, those that the template sets too: it may set them only sometimes. */
  readonly read: ReadonlySet<string>
  /**
   * Names that a block reads before a `set` outside of it. Jinja2 sees there neither what the template is given nor the value of
   * the `set`.
   */
  readonly hidden: ReadonlyMap<string, number>
}

/** What a template reads and does not set. */
export function freeVariables(program: Body): FreeVariables {
  const used: { name: string; at: number }[] = []
  const optional = new Set<string>()
  const read = new Set<string>()
  const hidden = new Map<string, number>()

  const visitBody = (body: Body, scope: Names) => {
    for (const statement of body) visitStatement(statement, scope)
  }
  const visitAll = (expressions: readonly (Expression | undefined)[], scope: Names) => {
    for (const expression of expressions) if (expression !== undefined) visit(expression, scope)
  }
  const visitArguments = ({ positional, named, spread, namedSpread }: Arguments, scope: Names) =>
    visitAll([...positional, ...named.map(({ value }) => value), spread, namedSpread], scope)

  function visitStatement(node: Statement, scope: Names): void {
    switch (node.type) {
      case 'output':
        visit(node.value, scope)
        break
      case 'if':
        scope.inBranches([
          ...node.branches.map(({ test, body }) => () => {
            ask(test)
            visit(test, scope)
            visitBody(body, scope)
          }),
          () => visitBody(node.otherwise, scope),
        ])
        break
      case 'for': {
        visit(node.iterable, scope)
        const inner = new Names(scope)
        declare(node.target, inner)
        // The condition of a loop sees the variable of the loop, and not yet "loop".
        visitAll([node.filter], inner)
        inner.add('loop')
        visitBody(node.body, inner)
        visitBody(node.otherwise, new Names(scope))
        break
      }
      case 'set':
        visit(node.value, scope)
        declare(node.target, scope)
        break
      case 'set-block':
        for (const filter of node.filters) visitArguments(filter.arguments, scope)
        visitBody(node.body, new Names(scope))
        declare(node.target, scope)
        break
      case 'with': {
        const inner = new Names(scope)
        for (const [target, value] of node.values) {
          visit(value, scope)
          declare(target, inner)
        }
        visitBody(node.body, inner)
        break
      }
      case 'macro':
        declare({ type: 'name', name: node.name, at: node.at }, scope)
        visitMacro(node.parameters, node.body, scope)
        break
      case 'call-block':
        visit(node.call, scope)
        visitMacro(node.parameters, node.body, scope)
        break
      case 'filter-block':
        for (const filter of node.filters) visitArguments(filter.arguments, scope)
        visitBody(node.body, new Names(scope))
        break
      case 'scope':
        visitBody(node.body, new Names(scope))
        break
    }
  }

  function visitMacro(parameters: readonly Parameter[], body: Body, scope: Names): void {
    const inner = new Names(scope)
    for (const name of ['varargs', 'kwargs', 'caller']) inner.add(name)
    for (const { name } of parameters) inner.add(name)
    visitAll(
      parameters.map(({ fallback }) => fallback),
      inner,
    )
    visitBody(body, inner)
  }

  function visit(node: Expression, scope: Names): void {
    switch (node.type) {
      case 'constant':
        break
      case 'name':
        read.add(node.name)
        scope.read(node.name, node.at)
        if (!scope.has(node.name)) used.push({ name: node.name, at: node.at })
        break
      case 'list':
      case 'tuple':
        visitAll(node.items, scope)
        break
      case 'dict':
        visitAll(node.entries.flat(), scope)
        break
      case 'attribute':
        visit(node.object, scope)
        break
      case 'item':
        visitAll([node.object, node.key], scope)
        break
      case 'slice':
        visitAll([node.object, ...node.bounds], scope)
        break
      case 'call':
        visit(node.callee, scope)
        visitArguments(node.arguments, scope)
        break
      case 'filter':
      case 'test':
        if (asking.has(node.name)) ask(node.operand)
        visit(node.operand, scope)
        visitArguments(node.arguments, scope)
        break
      case 'compare':
        visitAll([node.left, ...node.comparisons.map(({ right }) => right)], scope)
        break
      case 'concatenation':
        visitAll(node.parts, scope)
        break
      case 'and':
      case 'or':
        ask(node.left)
        visitAll([node.left, node.right], scope)
        break
      case 'binary':
        visitAll([node.left, node.right], scope)
        break
      case 'not':
        ask(node.operand)
        visit(node.operand, scope)
        break
      case 'negative':
      case 'positive':
        visit(node.operand, scope)
        break
      case 'conditional':
        ask(node.test)
        visitAll([node.value, node.test, node.otherwise], scope)
        break
    }
  }

  /** A test for truth, too: what is undefined is false. `if a and b` asks about both. */
  function ask(test: Expression): void {
    if (test.type === 'name') optional.add(test.name)
    else if (test.type === 'and' || test.type === 'or') {
      ask(test.left)
      ask(test.right)
    }
  }

  function declare(target: Target, scope: Names): void {
    if (target.type === 'name') {
      const readAt = scope.readInside(target.name)
      if (readAt !== undefined) hidden.set(target.name, readAt)
      scope.add(target.name)
    }
    if (target.type === 'tuple') for (const item of target.items) declare(item, scope)
    // `set ns.x = 1` needs `ns`.
    if (target.type === 'namespace') visit({ type: 'name', name: target.object, at: target.at }, scope)
  }

  visitBody(program, new Names())
  return { used, optional, read, hidden }
}

const asking = new Set(['defined', 'undefined', 'default', 'd'])

class Names {
  /** Set on some path. */
  readonly #names = new Set<string>()
  /** Set on every path up to here. */
  readonly #certain = new Set<string>()
  /** Of those, the names that the branch sets which is being visited. */
  #setInBranch: Set<string> | undefined
  readonly #readHere = new Set<string>()
  readonly #readInside = new Map<string, number>()
  readonly #outer: Names | undefined

  constructor(outer?: Names) {
    this.#outer = outer
  }

  has(name: string): boolean {
    return this.#names.has(name) || (this.#outer?.has(name) ?? false)
  }

  add(name: string): void {
    this.#names.add(name)
    if (this.#certain.has(name)) return
    this.#certain.add(name)
    this.#setInBranch?.add(name)
  }

  /** What one branch sets, the others do not see. After them, a name is certain if each of them sets it. */
  inBranches(branches: readonly (() => void)[]): void {
    const outside = this.#setInBranch
    const [first, ...others] = branches.map((visit) => {
      const set = new Set<string>()
      this.#setInBranch = set
      visit()
      for (const name of set) this.#certain.delete(name)
      return set
    })
    this.#setInBranch = outside
    for (const name of first!) if (others.every((set) => set.has(name))) this.add(name)
  }

  read(name: string, at: number): void {
    if (this.#certain.has(name)) return
    this.#readHere.add(name)
    for (let outer = this.#outer; outer !== undefined && !outer.#certain.has(name); outer = outer.#outer)
      if (!outer.#readInside.has(name)) outer.#readInside.set(name, at)
  }

  /** Where an inner scope reads a name that this one does not know yet, and does not read itself. */
  readInside(name: string): number | undefined {
    return this.has(name) || this.#readHere.has(name) ? undefined : this.#readInside.get(name)
  }
}
