// What a host can import, read from the declarations that the package ships: one text for reviewers, and the types that a host can
// meet but not name.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import ts from 'typescript'

const root = resolve(import.meta.dirname, '../..')
const sourceFolder = join(root, 'src/')
const outFolder = join(root, 'declarations/')

export interface PublicApi {
  /** For every entry point, its exports by name: the declaration without comments. */
  readonly entries: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** Types that the declaration of an export mentions and that no entry exports: `name (file), used by export`. */
  readonly unnamed: readonly string[]
  /** Names that stand for different declarations in different entries: `name: entry, entry`. */
  readonly ambiguous: readonly string[]
  /** Exports whose types the compiler has to infer, so that a reader cannot see them: `name (file)`. */
  readonly inferred: readonly string[]
}

/** Reads the entry points that `package.json` names and everything that their declarations mention. */
export function readPublicApi(): PublicApi {
  const { program, entryFiles, inferred } = programOfDeclarations()
  const checker = program.getTypeChecker()
  const entries = new Map<string, ReadonlyMap<string, string>>()
  const exported = new Map<ts.Symbol, string>()
  const owners = new Map<string, Map<ts.Symbol, string>>()
  for (const [entry, file] of entryFiles) {
    const exports = new Map<string, string>()
    const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!
    for (const { name, target } of exportsOf(checker, module)) {
      exported.set(target, name)
      owners.set(name, (owners.get(name) ?? new Map()).set(target, entry))
      exports.set(name, textOf(target))
    }
    entries.set(entry, exports)
  }
  const ambiguous = [...owners]
    .filter(([, symbols]) => symbols.size > 1)
    .map(([name, symbols]) => `${name}: ${[...symbols.values()].join(', ')}`)
  return {
    entries,
    unnamed: unnamedTypes(checker, exported),
    ambiguous,
    inferred: [...exported.keys()]
      .filter((symbol) => inferred.has(`${symbol.declarations?.[0]?.getSourceFile().fileName} ${symbol.name}`))
      .map((symbol) => `${symbol.name} (${fileOf(symbol)})`),
  }
}

/** One text for all entries, whose diff shows a reviewer what a change does to hosts. */
export function formatPublicApi({ entries }: PublicApi): string {
  const parts = [...entries].map(([entry, exports]) => `# ${entry}\n\n${[...exports.values()].join('\n')}\n`)
  return parts.join('\n')
}

function exportsOf(checker: ts.TypeChecker, module: ts.Symbol) {
  return checker
    .getExportsOfModule(module)
    .map((symbol) => ({ name: symbol.name, target: resolved(checker, symbol) }))
    .sort((left, right) => (left.name < right.name ? -1 : 1))
}

function unnamedTypes(checker: ts.TypeChecker, exported: ReadonlyMap<ts.Symbol, string>): readonly string[] {
  const found = new Map<ts.Symbol, string>()
  for (const [symbol, name] of exported) visitSymbol(symbol, name)
  return [...found].map(([symbol, user]) => `${symbol.name} (${fileOf(symbol)}), used by ${user}`).sort()

  function visitSymbol(symbol: ts.Symbol, user: string): void {
    for (const declaration of symbol.declarations ?? []) visit(declaration, user)
  }

  function visit(node: ts.Node, user: string): void {
    if (isPrivate(node)) return
    const name = nameOfType(node)
    const symbol = name === undefined ? undefined : checker.getSymbolAtLocation(name)
    if (symbol !== undefined) meet(resolved(checker, symbol), user)
    ts.forEachChild(node, (child) => visit(child, user))
  }

  function meet(symbol: ts.Symbol, user: string): void {
    if (exported.has(symbol) || found.has(symbol) || !isOurs(symbol)) return
    found.set(symbol, user)
    visitSymbol(symbol, user)
  }
}

function nameOfType(node: ts.Node): ts.EntityName | undefined {
  if (ts.isTypeReferenceNode(node)) return node.typeName
  if (ts.isTypeQueryNode(node)) return node.exprName
  if (ts.isImportTypeNode(node)) return node.qualifier
  if (ts.isExpressionWithTypeArguments(node) && ts.isIdentifier(node.expression)) return node.expression
  return undefined
}

const isPrivate = (node: ts.Node) =>
  ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)

/** Whether this package declares the symbol, and not as a type parameter. */
function isOurs(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some(
    (declaration) =>
      !ts.isTypeParameterDeclaration(declaration) && declaration.getSourceFile().fileName.startsWith(outFolder),
  )
}

const fileOf = (symbol: ts.Symbol) =>
  symbol.declarations?.[0]
    ?.getSourceFile()
    .fileName.slice(outFolder.length)
    .replace(/\.d\.ts$/, '.ts')

function textOf(symbol: ts.Symbol): string {
  const printer = ts.createPrinter({ removeComments: true })
  return (symbol.declarations ?? [])
    .map((declaration) => {
      const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
      return printer.printNode(ts.EmitHint.Unspecified, node, declaration.getSourceFile())
    })
    .map((text) => text.replace(/^(export )?(declare )?(default )?/, '').replace(/ {4}/g, '  '))
    .join('\n')
}

const resolved = (checker: ts.TypeChecker, symbol: ts.Symbol) =>
  (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol)

/** The name and the source file of every entry point. */
function sourceEntries(): readonly (readonly [string, string])[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | Record<string, string>>
  }
  return Object.entries(exports).flatMap(([name, target]) =>
    typeof target === 'string'
      ? []
      : [[name.replace(/^\./, 'sheikh-freemium'), join(root, target['sheikh-source']!)] as const],
  )
}

/**
 * A program of the declarations that the entry points lead to, without what other packages declare. Each is made of its own source
 * file alone: inferring types would take the compiler a minute.
 */
function programOfDeclarations() {
  const entryFiles = sourceEntries().map(
    ([entry, file]) => [entry, file.replace(sourceFolder, outFolder).replace(/\.ts$/, '.d.ts')] as const,
  )
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    noLib: true,
    types: [],
    noEmit: true,
  }
  const inferred = new Set<string>()
  const sourceOf = (path: string) =>
    path.startsWith(outFolder) && path.endsWith('.d.ts')
      ? path.replace(outFolder, sourceFolder).replace(/\.d\.ts$/, '.ts')
      : undefined
  const exists = (path: string) => ts.sys.fileExists(sourceOf(path) ?? '')
  const host: ts.CompilerHost = {
    ...ts.createCompilerHost(options),
    fileExists: exists,
    readFile: () => undefined,
    directoryExists: (path) => ts.sys.directoryExists(`${path}/`.replace(outFolder, sourceFolder)),
    getSourceFile: (path, languageVersion) => {
      if (!exists(path)) return undefined
      const { outputText, diagnostics = [] } = ts.transpileDeclaration(readFileSync(sourceOf(path)!, 'utf8'), {
        compilerOptions: { ...options, isolatedDeclarations: true },
        reportDiagnostics: true,
      })
      for (const { file, start } of diagnostics)
        for (const name of namesAt(file!, start!)) inferred.add(`${path} ${name}`)
      return ts.createSourceFile(path, outputText, languageVersion, true)
    },
  }
  const rootNames = entryFiles.map(([, file]) => file)
  return { program: ts.createProgram({ rootNames, options, host }), entryFiles, inferred }
}

/** What the statement at a place of a file declares. */
function namesAt(file: ts.SourceFile, start: number): readonly string[] {
  const statement = file.statements.find((one) => one.pos <= start && start < one.end)
  if (statement === undefined) return []
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText(file))
  const { name } = statement as { readonly name?: ts.Identifier }
  return name === undefined ? [] : [name.text]
}
