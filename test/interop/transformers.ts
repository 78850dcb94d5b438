import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { interopFolder } from './python.js'
import { torchPython } from './torch.js'

const version = '4.44.2'
const folder = join(interopFolder, '../interop-transformers')
/** Named for the version, and made last: an older one is not taken for it. */
const done = join(folder, `transformers-${version}`)
const python = join(folder, 'bin/python')

/** A Python with transformers, PEFT and PyTorch; `undefined` where it is not installed. */
export const transformersPython = (): string | undefined => (existsSync(done) ? python : undefined)

/** Beside the PyTorch that is there: without their dependencies, they would bring another. @returns in words why it cannot be had. */
export function setUpTransformers(): string | undefined {
  if (transformersPython() !== undefined) return undefined
  const torch = torchPython()
  if (torch === undefined) return 'there is no PyTorch for transformers'
  rmSync(folder, { recursive: true, force: true })
  const pip = [python, '-m', 'pip', 'install', '--no-input', '--retries', '1'] as const
  const bare = [`transformers==${version}`, 'peft==0.12.0', 'accelerate==0.33.0']
  const needed = ['tokenizers==0.19.1', 'safetensors==0.4.5', 'huggingface-hub==0.24.7', 'numpy==1.26.4']
  const others = ['regex', 'pyyaml', 'requests', 'tqdm', 'packaging', 'filelock', 'psutil']
  try {
    for (const [command, ...parts] of [
      [torch.python, '-m', 'venv', '--system-site-packages', folder],
      [...pip, '--no-deps', ...bare],
      [...pip, ...needed, ...others],
      [python, '-c', `import torch, transformers, peft; open(${JSON.stringify(done)}, "w")`],
    ] as const)
      execFileSync(command, parts, { stdio: 'ignore' })
    return undefined
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    return `transformers cannot be installed (${error instanceof Error ? error.message : String(error)})`
  }
}
