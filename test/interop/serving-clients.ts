import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { interopFolder } from './python.js'

const packages = ['mlflow==3.17.2', 'numpy==2.4.6', 'openai==3.57.0', 'tritonclient[http]==2.73.0']
const folder = join(interopFolder, '../interop-serving')
/** Named for the versions, and made last: older ones are not taken for them. */
const done = join(folder, packages.join(' '))
const python = join(folder, 'bin/python')

/** The Python with the clients of model servers; `undefined` where it is not installed. */
export const servingPython = (): string | undefined => (existsSync(done) ? python : undefined)

/** @returns in words why it cannot be had. */
export function setUpServingClients(): string | undefined {
  if (servingPython() !== undefined) return undefined
  rmSync(folder, { recursive: true, force: true })
  try {
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' })
    execFileSync(python, ['-m', 'pip', 'install', '--no-input', '--retries', '1', ...packages], { stdio: 'ignore' })
    execFileSync(python, ['-c', `import mlflow, openai, tritonclient.http; open(${JSON.stringify(done)}, "w")`], {
      stdio: 'ignore',
    })
    return undefined
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    return `the clients of MLflow, OpenAI and Triton cannot be installed (${error instanceof Error ? error.message : String(error)})`
  }
}
