// npm run setup:native: the mandated package, @tensorflow/tfjs-node-gpu, on a libtensorflow for the CPU that a PyPI wheel
// carries, for machines that cannot reach where the package downloads its own from. Says why it cannot be done, and ends with 0.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { arch, env, execPath, platform } from 'node:process'
import { pipeline } from 'node:stream/promises'

const packageVersion = '4.22.0'
const root = join(import.meta.dirname, '../..')
const folder = join(root, 'node_modules/@tensorflow/tfjs-node-gpu')
const cache = join(root, 'node_modules/.cache/native')
/** It has the C interface as a library of its own, and its headers. */
const wheel = {
  requirement: 'tensorflow-cpu==2.15.1',
  file: 'tensorflow_cpu-2.15.1-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
  sha256: 'ba9503db2c5357ea21938555323581fbdabf3d051b6bc1b5f73c5b0ae034d077',
}
const libraries = ['tensorflow_cc', 'tensorflow_framework'] as const
const longestMs = 600_000

const unpacking = `
import os, shutil, sys, zipfile
wheel, deps, *libraries = sys.argv[1:]
headers = tuple("tensorflow/include/" + name for name in ("tensorflow/c/", "tensorflow/core/platform/", "tsl/platform/", "tsl/c/"))
with zipfile.ZipFile(wheel) as files:
    for name in files.namelist():
        if name.startswith(headers) and name.endswith(".h"):
            target = os.path.join(deps, name[len("tensorflow/"):])
        elif name in ["tensorflow/lib%s.so.2" % library for library in libraries]:
            target = os.path.join(deps, "lib", os.path.basename(name))
        else:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with files.open(name) as source, open(target, "wb") as sink:
            shutil.copyfileobj(source, sink)
`

const reason = isThere() ? undefined : await setUp()
console.log(
  reason === undefined ? `There: ${folder}, on the CPU library of ${wheel.requirement}` : `Skipped: ${reason}`,
)

async function setUp(): Promise<string | undefined> {
  if (platform !== 'linux' || arch !== 'x64')
    return `${platform} on ${arch} was not tried. Install the package itself: npm install @tensorflow/tfjs-node-gpu`
  for (const [program, ...parts] of [
    ['python3', '-m', 'pip', '--version'],
    ['make', '--version'],
    ['c++', '--version'],
  ]) {
    const failed = run(program!, parts)
    if (failed !== undefined) return `${program} is needed: ${failed}`
  }
  const steps: readonly (() => Promise<string | undefined> | string | undefined)[] = [
    download,
    installPackage,
    unpack,
    build,
  ]
  for (const step of steps) {
    const failed = await step()
    if (failed !== undefined) return failed
  }
  return isThere() ? undefined : 'it was built, and cannot be loaded'
}

function isThere(): boolean {
  const script =
    "require('node:util').isNullOrUndefined ??= (value) => value == null; require('@tensorflow/tfjs-node-gpu')"
  return spawnSync(execPath, ['-e', script], { cwd: root, stdio: 'ignore' }).status === 0
}

async function download(): Promise<string | undefined> {
  const path = join(cache, wheel.file)
  mkdirSync(cache, { recursive: true })
  if (!existsSync(path)) {
    console.log(`Fetching ${wheel.requirement}: 207 MB.`)
    const target = ['--only-binary=:all:', '--python-version', '3.10', '--platform', 'manylinux2014_x86_64']
    const failed = run('python3', [
      ...['-m', 'pip', 'download', '--no-input', '--no-deps', ...target, '--platform', 'manylinux_2_17_x86_64'],
      ...['--dest', cache, wheel.requirement],
    ])
    if (failed !== undefined) return `${wheel.requirement} cannot be fetched: ${failed}`
  }
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  const found = hash.digest('hex')
  if (found === wheel.sha256) return undefined
  rmSync(path)
  return `${wheel.file} has the SHA-256 ${found}, and should have ${wheel.sha256}: it was removed`
}

function installPackage(): string | undefined {
  console.log(`Installing @tensorflow/tfjs-node-gpu ${packageVersion}, without its download.`)
  // As a development dependency: npm takes out again what is an optional peer alone.
  const options = ['--save-dev', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund']
  return run('npm', ['install', ...options, `@tensorflow/tfjs-node-gpu@${packageVersion}`])
}

/** Libraries and headers, where the package's own download puts them. */
function unpack(): string | undefined {
  const deps = join(folder, 'deps')
  rmSync(deps, { recursive: true, force: true })
  mkdirSync(join(deps, 'lib'), { recursive: true })
  const failed = run('python3', ['-c', unpacking, join(cache, wheel.file), deps, ...libraries])
  if (failed !== undefined) return `${wheel.file} cannot be unpacked: ${failed}`
  for (const [name, library] of [
    ['tensorflow', 'tensorflow_cc'],
    ['tensorflow_framework', 'tensorflow_framework'],
  ])
    symlinkSync(`lib${library}.so.2`, join(deps, `lib/lib${name}.so`))
  return undefined
}

function build(): string | undefined {
  console.log('Building its binding.')
  // Without it node-gyp would fetch the headers.
  const prefix = join(dirname(execPath), '..')
  const hasHeaders = existsSync(join(prefix, 'include/node/node_api.h'))
  const nodedir = env['npm_config_nodedir'] ?? (hasHeaders ? prefix : undefined)
  const builder = join(root, 'node_modules/@mapbox/node-pre-gyp/bin/node-pre-gyp')
  const failed = run(execPath, [builder, 'install', '--build-from-source'], folder, {
    ...(nodedir !== undefined && { npm_config_nodedir: nodedir }),
  })
  rmSync(join(folder, 'build'), { recursive: true, force: true })
  return failed === undefined ? undefined : `its binding cannot be built: ${failed}`
}

/** @returns in words why it failed; the whole output then stands in the cache. */
function run(
  program: string,
  parts: readonly string[],
  cwd = root,
  variables: Readonly<Record<string, string>> = {},
): string | undefined {
  const options = { cwd, encoding: 'utf8', env: { ...env, ...variables }, timeout: longestMs } as const
  const { error, status, stdout, stderr } = spawnSync(program, parts, options)
  if (error !== undefined) return error.message
  if (status === 0) return undefined
  mkdirSync(cache, { recursive: true })
  const log = join(cache, `failed-${readdirSync(cache).length}.log`)
  writeFileSync(log, `${stdout}\n${stderr}`)
  const said =
    `${stdout}\n${stderr}`.split('\n').find((line) => /error/i.test(line)) ?? stderr.trim().split('\n').at(-1)
  return `${program} ended with ${status}: ${said} (all of it: ${log})`
}
