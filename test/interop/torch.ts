import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { interopFolder } from './python.js'

/** Packages beside a PyTorch that is not of our environment. */
export const besideTorch = join(interopFolder, '../interop-torch')

/** A Python that has PyTorch, with the variables it needs; `undefined` where there is none. */
export function torchPython(): { readonly python: string; readonly variables: Record<string, string> } | undefined {
  for (const python of [process.env['PYTHON'], 'python3', '/usr/bin/python3']) {
    if (python === undefined) continue
    for (const variables of [{}, { PYTHONPATH: besideTorch }] as Record<string, string>[]) {
      const env = { ...process.env, ...variables }
      const { status } = spawnSync(python, ['-c', 'import torch, safetensors.torch'], { env, stdio: 'ignore' })
      if (status === 0) return { python, variables }
    }
  }
  return undefined
}

/** @returns in words why there is none. */
export function setUpTorch(interopPython: string): string | undefined {
  if (torchPython() !== undefined) return undefined
  const isRoot = process.getuid?.() === 0
  if (!isRoot || !existsSync('/usr/bin/apt-get'))
    return 'there is no PyTorch: pip install torch safetensors, or as root: apt-get install python3-torch'
  try {
    for (const parts of [['update'], ['install', '--yes', '--no-install-recommends', 'python3-torch']])
      execFileSync('apt-get', parts, { stdio: 'ignore' })
    execFileSync(
      interopPython,
      ['-m', 'pip', 'install', '--no-input', '--no-deps', '--target', besideTorch, 'safetensors==0.8.0'],
      { stdio: 'ignore' },
    )
  } catch (error) {
    return `PyTorch cannot be installed (${error instanceof Error ? error.message : String(error)})`
  }
  return torchPython() === undefined ? 'PyTorch was installed, and cannot be imported' : undefined
}
