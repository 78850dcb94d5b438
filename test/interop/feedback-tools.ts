import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interopFolder } from './python.js'

/** The packages of each tool. Their versions are in the names of the fixtures. */
const packages = {
  'label-studio': ['label-studio==1.23.2'],
  phoenix: ['arize-phoenix==20.26.1', 'arize-phoenix-client==3.5.0'],
  langfuse: ['langfuse==5.0.4'],
} as const
export type FeedbackTool = keyof typeof packages
const feedbackTools = Object.keys(packages) as readonly FeedbackTool[]

const programs = {
  'label-studio': 'label_studio_tasks.py',
  phoenix: 'phoenix_annotations.py',
  langfuse: 'langfuse_scores.py',
} as const

const folder = join(interopFolder, '../interop-feedback-tools')
const folderOf = (tool: FeedbackTool) => join(folder, tool)
const pythonOf = (tool: FeedbackTool) => join(folderOf(tool), 'bin/python')
/** Named for the versions, and made last: an older one is not taken for it. */
const doneOf = (tool: FeedbackTool) => join(folderOf(tool), packages[tool].join(' '))

export const hasFeedbackTool = (tool: FeedbackTool): boolean => existsSync(doneOf(tool))

/** @returns in words which of the tools cannot be had, and why. */
export function setUpFeedbackTools(): string | undefined {
  const problems = feedbackTools.flatMap((tool) => {
    if (hasFeedbackTool(tool)) return []
    rmSync(folderOf(tool), { recursive: true, force: true })
    try {
      execFileSync('python3', ['-m', 'venv', folderOf(tool)], { stdio: 'pipe' })
      const parts = ['-m', 'pip', 'install', '--no-input', '--retries', '1', ...packages[tool]]
      execFileSync(pythonOf(tool), parts, { stdio: 'pipe', timeout: 900_000 })
      writeFileSync(doneOf(tool), '')
      return []
    } catch (error) {
      rmSync(folderOf(tool), { recursive: true, force: true })
      return [`${tool} cannot be installed (${error instanceof Error ? error.message.split('\n')[0] : String(error)})`]
    }
  })
  return problems.length === 0 ? undefined : problems.join('; ')
}

/** Runs the program that makes the files of a tool in `out`. Servers run on loopback and use no other network. */
export function runFeedbackTool(tool: FeedbackTool, out: string, ...parts: readonly string[]): void {
  mkdirSync(out, { recursive: true })
  const program = join(import.meta.dirname, 'feedback-tools', programs[tool])
  execFileSync(pythonOf(tool), [program, out, ...parts], { stdio: 'pipe', timeout: 1_500_000 })
}
