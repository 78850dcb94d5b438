// npm run setup:interop: a Python with SciPy and the like, of fixed versions. Where that cannot be, it says why.
//   --python-only    nothing else, such as PyTorch or Slurm
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { setUpRedis } from '../../examples/cluster/redis-server.js'
import { setUpActions } from './actions-tools.js'
import { downloadChatTemplates } from './chat-templates.js'
import { setUpChromium } from './chromium.js'
import { setUpDvc } from './dvc.js'
import { setUpFeast } from './feast.js'
import { setUpFeedbackTools } from './feedback-tools.js'
import { setUpGateTools } from './gate-tools.js'
import { installed, interopFolder, interopPython, python, requirements } from './python.js'
import { setUpRay } from './ray.js'
import { setUpServingClients } from './serving-clients.js'
import { setUpSlurm } from './slurm.js'
import { setUpTextSets } from './text-sets.js'
import { setUpTorch } from './torch.js'
import { setUpTransformers } from './transformers.js'

const isPythonOnly = process.argv.includes('--python-only')
/** A slow network is not a reason to give up. */
const longestMs = 900_000

if (interopPython() !== undefined) console.log(`It is there: ${python}`)
else {
  console.log('Making a Python environment; this takes a minute or two.')
  rmSync(interopFolder, { recursive: true, force: true })
  const failed =
    run('python3', '-m', 'venv', interopFolder) ??
    run(python, '-m', 'pip', 'install', '--no-input', '--retries', '1', '--requirement', requirements) ??
    run(
      python,
      '-c',
      'import datasets, duckdb, huggingface_hub, jinja2, model_signing, tokenizers, moto.server, numpy, onnx, onnxruntime, optuna, polars, pyarrow.parquet, safetensors.numpy, schemathesis, scipy.stats, sklearn, statsmodels.api',
    )
  if (failed === undefined) {
    copyFileSync(requirements, installed)
    console.log(`Made: ${python}`)
  } else {
    rmSync(interopFolder, { recursive: true, force: true })
    console.log(`Skipped: ${failed}`)
  }
}

if (interopPython() !== undefined) {
  const missingTexts = setUpTextSets(python)
  console.log(missingTexts === undefined ? 'Text sets are there.' : `Skipped: ${missingTexts}`)
}

if (isPythonOnly) process.exit()

if (interopPython() !== undefined) {
  const missingTemplates = downloadChatTemplates()
  console.log(missingTemplates === undefined ? 'Chat templates are there.' : `Skipped: ${missingTemplates}`)
  const missing = setUpTorch(python)
  console.log(missing === undefined ? 'PyTorch is there.' : `Skipped: ${missing}`)
  const missingTransformers = setUpTransformers()
  console.log(missingTransformers === undefined ? 'transformers is there.' : `Skipped: ${missingTransformers}`)
  const missingRay = setUpRay()
  console.log(missingRay === undefined ? 'Ray is there.' : `Skipped: ${missingRay}`)
}

const missingClients = setUpServingClients()
console.log(
  missingClients === undefined ? 'The clients of MLflow, OpenAI and Triton are there.' : `Skipped: ${missingClients}`,
)

const missingDvc = setUpDvc()
console.log(missingDvc === undefined ? 'DVC is there.' : `Skipped: ${missingDvc}`)

const missingFeast = setUpFeast()
console.log(missingFeast === undefined ? 'Feast is there.' : `Skipped: ${missingFeast}`)

const missingChromium = setUpChromium()
console.log(missingChromium === undefined ? 'Chromium is there.' : `Skipped: ${missingChromium}`)

const missingActions = setUpActions()
console.log(missingActions === undefined ? 'act, actionlint and zizmor are there.' : `Skipped: ${missingActions}`)

const missingSlurm = setUpSlurm()
console.log(missingSlurm === undefined ? 'Slurm is there.' : `Skipped: ${missingSlurm}`)

const missingRedis = setUpRedis()
console.log(missingRedis === undefined ? 'Redis is there.' : `Skipped: ${missingRedis}`)

const missingTools = setUpGateTools()
console.log(missingTools === undefined ? 'The evaluation tools are there.' : `Skipped: ${missingTools}`)

const missingFeedbackTools = setUpFeedbackTools()
console.log(
  missingFeedbackTools === undefined
    ? 'Label Studio, Phoenix and the SDK of Langfuse are there.'
    : `Skipped: ${missingFeedbackTools}`,
)

const lfs = gitLfs()
console.log(lfs === undefined ? 'git-lfs is there.' : `Skipped: ${lfs}`)

/** @returns in words why it is not there. */
function gitLfs(): string | undefined {
  const isThere = () => spawnSync('git', ['lfs', 'version']).status === 0
  if (isThere()) return undefined
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    return 'git-lfs is not installed: https://git-lfs.com'
  const failed = run('apt-get', 'update') ?? run('apt-get', 'install', '--yes', '--no-install-recommends', 'git-lfs')
  return failed === undefined ? undefined : `git-lfs cannot be installed: ${failed}`
}

/** @returns in words why it failed. */
function run(command: string, ...parts: readonly string[]): string | undefined {
  const { error, status, stderr } = spawnSync(command, parts, { encoding: 'utf8', timeout: longestMs })
  if (error !== undefined) return `${command} cannot be run (${error.message})`
  if (status === 0) return undefined
  const said = stderr.split('\n').filter((line) => /error|required|not/i.test(line))
  return `${[command, ...parts].join(' ')} failed\n${said.slice(0, 5).join('\n')}`
}
