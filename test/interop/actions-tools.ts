import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { interopFolder, interopPython } from './python.js'

/** Beside the Python environment, which is removed when its packages change. */
const programs = join(interopFolder, '../interop-actions')
const zizmorVersion = '1.32.0'
const modules = {
  act: 'github.com/nektos/act@v0.2.89',
  actionlint: 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12',
} as const

/** Where a program for workflows is installed; `undefined` if it is not. */
export function actionsTool(name: 'act' | 'actionlint' | 'zizmor'): string | undefined {
  const path = name === 'zizmor' ? join(programs, 'zizmor/bin/zizmor') : join(programs, name)
  return existsSync(path) ? path : undefined
}

/** @returns why something is missing. */
export function setUpActions(): string | undefined {
  const problems: string[] = []
  for (const [name, module] of Object.entries(modules)) {
    if (actionsTool(name as keyof typeof modules) !== undefined) continue
    const environment = { ...process.env, GOBIN: programs }
    const { status, error } = spawnSync('go', ['install', module], { env: environment, stdio: 'ignore' })
    if (status !== 0)
      problems.push(`${name} (${error === undefined ? `go install ${module} failed` : 'there is no go'})`)
  }
  if (actionsTool('zizmor') === undefined) {
    const folder = join(programs, 'zizmor')
    const made = spawnSync(interopPython() ?? 'python3', ['-m', 'venv', folder], { stdio: 'ignore' }).status === 0
    const pip = ['-m', 'pip', 'install', '--no-input', `zizmor==${zizmorVersion}`]
    if (!made || spawnSync(join(folder, 'bin/python'), pip, { stdio: 'ignore' }).status !== 0)
      problems.push(`zizmor (pip install zizmor==${zizmorVersion} failed)`)
  }
  return problems.length === 0 ? undefined : `there is no ${problems.join(', no ')}`
}
