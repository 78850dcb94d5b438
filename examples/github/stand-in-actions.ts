import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'

/** Scripts that do on this machine what GitHub's actions do there, by the names of the actions. */
export const standInScripts: Readonly<Record<string, string>> = {
  checkout: `find . -mindepth 1 -delete
git clone -q "$STAND_IN_ORIGIN" .
git checkout -q "\${REF:-$STAND_IN_REF}" || git checkout -q "\${REF#refs/heads/}"`,
  'setup-node': 'node --version',
  cache: 'true',
  'upload-artifact': `rm -rf "$STAND_IN_ARTIFACTS/$NAME"
mkdir -p "$STAND_IN_ARTIFACTS/$NAME"
if [ -d "$FOLDER" ]; then FOLDER="$FOLDER/."; fi
cp -r "$FOLDER" "$STAND_IN_ARTIFACTS/$NAME"`,
  'download-artifact': `mkdir -p "$FOLDER"
cp -r "$STAND_IN_ARTIFACTS/$NAME/." "$FOLDER"`,
}
/** What the scripts read of an action's inputs, as environment variables. */
export const standInVariables = { REF: 'ref', NAME: 'name', FOLDER: 'path' } as const
const inputs = ['ref', 'name', 'path', 'key', 'restore-keys', 'run-id', 'github-token', 'node-version']
const others = [
  'fetch-depth',
  'persist-credentials',
  'package-manager-cache',
  'retention-days',
  'if-no-files-found',
  'overwrite',
]

/** Writes the stand-ins into a folder. @returns the options of act that put them in the place of the actions in `texts`. */
export function standInActions(folder: string, texts: readonly string[]): readonly string[] {
  const used = new Set(texts.flatMap((text) => [...text.matchAll(/\bactions\/([\w-]+)@([0-9a-f]{40})/g)].map(String)))
  return [...used].flatMap((key) => {
    const [named, name] = key.split(',') as [string, string]
    const path = join(folder, name)
    mkdirSync(path, { recursive: true })
    const env = Object.fromEntries(
      Object.entries(standInVariables).map(([variable, input]) => [variable, `\${{ inputs.${input} }}`]),
    )
    const action = {
      name,
      description: 'Stands in for the action of this name',
      inputs: Object.fromEntries([...inputs, ...others, 'include-hidden-files'].map((input) => [input, {}])),
      runs: { using: 'composite', steps: [{ shell: 'bash', run: standInScripts[name]!, env }] },
    }
    writeFileSync(join(path, 'action.yml'), stringify(action))
    return ['--local-repository', `${named}=${path}`]
  })
}
