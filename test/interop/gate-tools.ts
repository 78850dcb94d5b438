import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interopFolder } from './python.js'

/** The versions in the names of the fixtures. */
const versions = {
  promptfoo: '0.121.20',
  vitest: '4.1.12',
  'vitest-evals': '0.16.1',
  evalite: '0.19.0',
  lm_eval: '0.4.13',
  inspect_ai: '0.3.285',
  deepeval: '4.3.1',
}
const folder = join(interopFolder, '../interop-gate-tools')
const evaluations = join(import.meta.dirname, 'gate-tools')

export const gateTools = ['promptfoo', 'vitest', 'evalite', 'lm-eval', 'inspect', 'deepeval'] as const
export type GateTool = (typeof gateTools)[number]

const folderOf = (tool: GateTool) => join(folder, tool)
/** Named for the versions, and made last: an older one is not taken for it. */
const doneOf = (tool: GateTool) => join(folderOf(tool), `done-${Object.values(versions).join('-')}`)

export const hasGateTool = (tool: GateTool): boolean => existsSync(doneOf(tool))

/** @returns in words which of the tools cannot be had, and why. */
export function setUpGateTools(): string | undefined {
  const problems = gateTools.flatMap((tool) => {
    if (hasGateTool(tool)) return []
    rmSync(folderOf(tool), { recursive: true, force: true })
    mkdirSync(folderOf(tool), { recursive: true })
    try {
      install[tool](folderOf(tool))
      writeFileSync(doneOf(tool), '')
      return []
    } catch (error) {
      return [`${tool} cannot be installed (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`]
    }
  })
  return problems.length === 0 ? undefined : problems.join('; ')
}

function npm(cwd: string, ...packages: readonly string[]): void {
  if (!existsSync(join(cwd, 'package.json')))
    writeFileSync(join(cwd, 'package.json'), '{"type":"module","private":true}')
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-save']
  execFileSync('npm', ['install', ...options, ...packages], { cwd, stdio: 'pipe', timeout: 900_000 })
}

function pip(cwd: string, named: string): void {
  execFileSync('python3', ['-m', 'venv', join(cwd, 'python')], { stdio: 'pipe' })
  const parts = ['-m', 'pip', 'install', '--no-input', '--retries', '1', named]
  execFileSync(join(cwd, 'python/bin/python'), parts, { stdio: 'pipe', timeout: 900_000 })
}

const install: Readonly<Record<GateTool, (cwd: string) => void>> = {
  // Without its optional packages, which are clients of providers and a gigabyte, except for its database.
  promptfoo(cwd) {
    const database = `@libsql/${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`
    npm(cwd, '--omit=optional', `promptfoo@${versions.promptfoo}`, `${database}@0.5.29`)
  },
  vitest: (cwd) => npm(cwd, `vitest@${versions.vitest}`, `vitest-evals@${versions['vitest-evals']}`, 'ai', 'zod'),
  evalite: (cwd) => npm(cwd, `evalite@${versions.evalite}`, `vitest@${versions.vitest}`),
  'lm-eval': (cwd) => pip(cwd, `lm_eval==${versions.lm_eval}`),
  inspect: (cwd) => pip(cwd, `inspect_ai==${versions.inspect_ai}`),
  deepeval: (cwd) => pip(cwd, `deepeval==${versions.deepeval}`),
}

const parts: Readonly<Record<GateTool, () => readonly [program: string, ...parts: string[]]>> = {
  promptfoo: () => [
    'node',
    ...['node_modules/promptfoo/dist/src/entrypoint.js', 'eval'],
    ...['--no-write', '--no-cache', '--no-table', '-o', 'out.json', '-o', 'out.jsonl', '-o', 'out.csv'],
  ],
  vitest: () => ['node', 'node_modules/vitest/vitest.mjs', 'run', '--reporter=json', '--outputFile=out.json'],
  evalite: () => ['node', 'node_modules/evalite/dist/bin.js', 'run', '--outputPath', 'out.json'],
  'lm-eval': () => [
    join(folderOf('lm-eval'), 'python/bin/lm_eval'),
    ...[
      '--model',
      'dummy',
      '--tasks',
      'capitals,choices',
      '--include_path',
      '.',
      '--output_path',
      'out',
      '--log_samples',
    ],
  ],
  inspect: () => [
    join(folderOf('inspect'), 'python/bin/inspect'),
    ...['eval', 'capitals.py', '--model', 'mockllm/model', '--epochs', '2', '--no-fail-on-error'],
    ...['--log-format', 'json', '--log-dir', 'out', '--no-log-realtime', '--display', 'none'],
  ],
  deepeval: () => [join(folderOf('deepeval'), 'python/bin/python'), 'capitals.py'],
}

const isPython = (tool: GateTool) => existsSync(join(folderOf(tool), 'python'))

/** Runs a tool on its evaluation in an empty folder, without network. Tests of an evaluation fail, so its exit code says nothing. */
export function runGateTool(tool: GateTool, work: string): void {
  cpSync(join(evaluations, tool), work, { recursive: true })
  // evalite takes TypeScript only, which would be checked here without its packages.
  if (tool === 'evalite')
    for (const name of readdirSync(work)) renameSync(join(work, name), join(work, name.replace(/\.js$/, '.ts')))
  writeFileSync(join(work, 'package.json'), '{"type":"module"}')
  if (!isPython(tool)) symlinkSync(join(folderOf(tool), 'node_modules'), join(work, 'node_modules'))
  const [program, ...rest] = parts[tool]()
  const home = join(work, 'home')
  const offline = { HF_HUB_OFFLINE: '1', HF_DATASETS_OFFLINE: '1', HF_HOME: join(work, 'hf') }
  const quiet = {
    PROMPTFOO_CONFIG_DIR: home,
    PROMPTFOO_DISABLE_TELEMETRY: '1',
    PROMPTFOO_DISABLE_UPDATE: '1',
    DEEPEVAL_TELEMETRY_OPT_OUT: 'YES',
  }
  const { VITEST: _, ...environment } = process.env
  try {
    const env = { ...environment, ...offline, ...quiet, CI: '1', XDG_DATA_HOME: home, XDG_CACHE_HOME: home }
    execFileSync(program, rest, { cwd: work, env, stdio: 'pipe', timeout: 300_000 })
  } catch (error) {
    if (!readdirSync(work).some((name) => name.startsWith('out'))) throw error
  }
}
