// npm writes no entry for an optional package that it could not look up (one built for another platform, say), and
// `npm ci` then refuses the lockfile. This adds those entries, so that every platform installs from the same file;
// what they are for is read from their names, as their publishers build them. Run it after `npm install`.
import { readFile, writeFile } from 'node:fs/promises'
import process from 'node:process'

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm64', 'arm', 'x64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32']

function platformOf(name) {
  const words = name.split('/').at(-1).split(/[-.]/)
  const os = systems.find((system) => words.includes(system)) ?? (words.includes('linuxmusl') ? 'linux' : undefined)
  const cpu = processors.find((processor) => words.includes(processor))
  const libc = words.some((word) => word.includes('musl')) ? 'musl' : words.includes('gnu') ? 'glibc' : undefined
  return {
    ...(cpu !== undefined && { cpu: [cpu] }),
    ...(os === 'linux' && libc !== undefined && { libc: [libc] }),
    ...(os !== undefined && { os: [os] }),
  }
}

/** Where Node would look for a package from `path`: its own `node_modules` first, then outwards. */
function isFound(packages, path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    if (packages[at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`] !== undefined) return true
    if (at === '') return false
  }
}

const lock = JSON.parse(await readFile('package-lock.json', 'utf8'))
let added = 0
for (const [path, { dev, optionalDependencies = {} }] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(optionalDependencies)) {
    if (isFound(lock.packages, path, name)) continue
    const version = /\d+\.\d+\.\d+.*$/.exec(range)?.[0]
    if (version === undefined) throw new Error(`${path} asks for ${name}@${range}, which names no version`)
    const at = lock.packages[`node_modules/${name}`] === undefined ? '' : `${path}/`
    lock.packages[`${at}node_modules/${name}`] = { version, ...platformOf(name), ...(dev && { dev }), optional: true }
    added += 1
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
await writeFile('package-lock.json', `${JSON.stringify(lock, undefined, 2)}\n`)
process.stdout.write(`${added} entries added\n`)
