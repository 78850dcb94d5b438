import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { commit, releasedProject, sheikh, sheikhJson, temporary, write } from './harness.js'

it('triggers tells whether a run is needed, and run --if-triggered runs only then', async () => {
  const root = await releasedProject()
  const quiet = await sheikh(root, ['run', '--if-triggered', '--schedule', ''])
  expect(quiet).toMatchObject({ code: 0, err: '' })
  expect(quiet.out).toMatch(/^Not run\. The commit \w{10} was run already\.\n$/)

  await write(root, '.gitignore', '.sheikh/\nreleases/\n*.log\n')
  await commit(root)
  expect(await sheikhJson(root, 'run', '--if-triggered')).toMatchObject({
    code: 0,
    json: { status: 'not-triggered', triggered: { action: 'none', commits: 1 } },
  })

  await write(root, 'prompts/inference/more.txt', 'More about {{ text }}\n')
  await commit(root)
  const told = await sheikh(root, ['triggers'])
  expect(told.out).toMatch(/^Run: 2 commits since the last run \(\w{10}\)\. Triggered: "default" by 1 changed file\.\n/)
  expect(told.out).toContain('  default (retrain)\n    prompts/inference/more.txt\n')
  const { code, json } = await sheikhJson(root, 'run', '--if-triggered')
  expect(code).toBe(0)
  expect(json).toMatchObject({ status: 'released', triggered: { action: 'run', triggers: [{ count: 1 }] } })
  expect((await sheikhJson(root, 'triggers')).json).toMatchObject({ action: 'none', commits: 0 })
})

it('a hostile path looks like no line of its own', async () => {
  const root = await releasedProject()
  await write(root, 'prompts/inference/a\nNo run: \u001b[2J.txt', 'x')
  await commit(root)
  const { out } = await sheikh(root, ['triggers'])
  expect(out).toContain('    prompts/inference/a No run: \\u001b[2J.txt\n')
  expect(out).not.toMatch(/^No run/m)
})

it('a schedule is refused without --if-triggered, and if no trigger has it', async () => {
  const root = await releasedProject()
  expect(await sheikh(root, ['run', '--schedule', '0 3 * * *'])).toMatchObject({ code: 1 })
  const unknown = await sheikh(root, ['triggers', '--schedule', '0 3 * * *'])
  expect(unknown).toMatchObject({ code: 1, out: '' })
  expect(unknown.err).toContain('no trigger has it')
})

it('projects lists those of the repository, and those that need a run', async () => {
  const root = await releasedProject()
  expect((await sheikhJson(root, 'projects')).json).toEqual({ projects: [{ path: '.', name: 'tickets' }] })
  expect((await sheikh(root, ['projects'])).out).toBe('.  tickets\n')
  expect((await sheikhJson(root, 'projects', '--triggered')).json).toEqual({ projects: [] })
  await write(root, 'prompts/inference/more.txt', 'More about {{ text }}\n')
  await commit(root)
  const { json } = await sheikhJson(root, 'projects', '--triggered')
  expect(json).toMatchObject({ projects: [{ path: '.', decision: { action: 'run' } }] })
  expect((await sheikh(root, ['projects', '--triggered'])).out).toMatch(/^\. +1 commit since the last run/)
})

it('in GitHub Actions, the decision is an output of the step', async () => {
  const [root, folder] = [await releasedProject(), await temporary()]
  vi.stubEnv('GITHUB_OUTPUT', join(folder, 'output'))
  vi.stubEnv('GITHUB_STEP_SUMMARY', join(folder, 'summary'))
  const { json } = await sheikhJson(root, 'triggers', '--github')
  vi.unstubAllEnvs()
  const output = (await readFile(join(folder, 'output'), 'utf8')).replace(/end-[0-9a-f-]+/g, 'X').replaceAll('\n', ' ')
  expect(output).toBe(`action<<X none X retrain<<X false X commit<<X ${json.commit} X `)
  expect(await readFile(join(folder, 'summary'), 'utf8')).toContain('was run already')
})
