import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { initGitRepository } from '../../src/repository/git/index.js'
import { type WorkflowOptions, writeWorkflows } from '../../src/repository/index.js'
import { mergeText } from '../../src/repository/workflows/merge-text.js'
import { git, gitCheck, gitStatus, temporaryFolder, write } from './harness.js'

const pipelineYaml = (targets: string) =>
  `pipeline: { name: tickets }\nstages: { release: { targets: [${targets}] } }\n`

async function repositoryWith(targets: string, project = ''): Promise<{ root: string; directory: string }> {
  const root = temporaryFolder()
  await initGitRepository(root)
  const directory = join(root, project)
  write(directory, 'mlops/pipeline.yaml', pipelineYaml(targets))
  git(root, 'add', '.')
  git(root, 'commit', '-qm', 'first')
  return { root, directory }
}

const hub = 'huggingface: { repo: team/spam }'
const train = '.github/workflows/train.yml'
const edit = (root: string, path: string, change: (text: string) => string) =>
  write(root, path, change(readFileSync(join(root, path), 'utf8')))

describe('writeWorkflows', () => {
  it('commits the workflows and nothing else, once', async () => {
    const { root } = await repositoryWith(hub)
    write(root, 'notes.txt', 'mine')
    const { commit, added, notes } = await writeWorkflows(root)
    expect(git(root, 'log', '-1', '--format=%H %s').trim()).toBe(`${commit} Add the workflows`)
    expect(added).toContain(train)
    expect(gitStatus(root)).toBe('?? notes.txt\n')
    gitCheck(root)
    expect(notes.join('\n')).toContain('HF_TOKEN')
    for (const path of added) expect(parse(readFileSync(join(root, path), 'utf8'))).toBeTypeOf('object')
    expect(await writeWorkflows(root)).toMatchObject({ added: [], updated: [], merged: [], notes })
    expect(git(root, 'rev-list', '--count', 'HEAD').trim()).toBe('2')
  })

  it('keeps edits together with what is new', async () => {
    const { root } = await repositoryWith(hub)
    await writeWorkflows(root)
    edit(root, train, (text) => text.replace('  workflow_dispatch:', '    tags: [nightly]\n  workflow_dispatch:'))
    write(root, 'mlops/pipeline.yaml', pipelineYaml(`${hub}, s3: { address: "s3://models/spam" }`))
    const { merged, updated } = await writeWorkflows(root)
    expect(merged).toEqual([train])
    expect(updated).toContain('.github/workflows/pipeline.yml')
    const workflow = parse(readFileSync(join(root, train), 'utf8'))
    expect(workflow.on.push).toEqual({ branches: ['main'], tags: ['nightly'] })
    expect(Object.keys(workflow.jobs.release.secrets)).toEqual([
      'HF_TOKEN',
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
    ])
    // An edit alone is not committed: it is yours.
    edit(root, train, (text) => text.replace('nightly', 'weekly'))
    expect((await writeWorkflows(root)).commit).toBeUndefined()
    expect(git(root, 'show', `HEAD:${train}`)).toContain('nightly')
  })

  it('writes nothing if an edit does not fit, names file and line, and takes the new version on request', async () => {
    const { root } = await repositoryWith(hub)
    await writeWorkflows(root)
    edit(root, train, (text) => text.replace('branches: [main]', 'branches: [main, next]'))
    const before = git(root, 'rev-parse', 'HEAD')
    const branch = { branch: 'trunk' }
    const line =
      readFileSync(join(root, train), 'utf8')
        .split('\n')
        .findIndex((text) => text.includes('next')) + 1
    await expect(writeWorkflows(root, branch)).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining(`${train} (line ${line})`),
    })
    expect([git(root, 'rev-parse', 'HEAD'), gitStatus(root)]).toEqual([before, ` M ${train}\n`])
    await writeWorkflows(root, { ...branch, overwrite: true })
    expect(parse(readFileSync(join(root, train), 'utf8')).on.push).toEqual({ branches: ['trunk'] })
  })

  it('hands over the secrets that notifications name, without the tokens of registries', async () => {
    const { root } = await repositoryWith(hub)
    const named = (name: string) => `"\${{ secrets.${name} }}"`
    write(
      root,
      'mlops/pipeline.yaml',
      `${pipelineYaml(hub)}notifications:
  slack: { webhook: ${named('SLACK_WEBHOOK')} }
  webhook: { url: "https://example.org", secret: ${named('HF_TOKEN')} }
  email: { recipients: a@example.org, from: b@example.org }
  github_issue: { events: [held] }\n`,
    )
    const { notes } = await writeWorkflows(root)
    expect(notes).toContain('Notifications need the secrets SLACK_WEBHOOK, SMTP_URL.')
    const { jobs } = parse(readFileSync(join(root, train), 'utf8'))
    expect(Object.keys(jobs.release.secrets)).toEqual(['HF_TOKEN', 'SLACK_WEBHOOK', 'SMTP_URL'])
    expect(jobs.release.permissions.issues).toBe('write')
  })

  it('refuses a file of the same name that somebody else wrote', async () => {
    const { root } = await repositoryWith(hub)
    write(root, train, 'on: push\n')
    await expect(writeWorkflows(root)).rejects.toThrow('not written by sheikh init')
    expect(readFileSync(join(root, train), 'utf8')).toBe('on: push\n')
    expect(existsSync(join(root, '.github/sheikh'))).toBe(false)
  })

  it('leaves a deleted workflow deleted, and remembers runner and branch', async () => {
    const { root } = await repositoryWith(hub)
    await writeWorkflows(root, { runner: 'self-hosted,gpu', branch: 'trunk' })
    rmSync(join(root, '.github/workflows/operate.yml'))
    expect(await writeWorkflows(root)).toMatchObject({ absent: ['.github/workflows/operate.yml'], updated: [] })
    const { jobs } = parse(readFileSync(join(root, '.github/workflows/pipeline.yml'), 'utf8'))
    expect(jobs.train['runs-on']).toEqual(['self-hosted', 'gpu'])
    expect(jobs.decide.if).toBe("github.ref == 'refs/heads/trunk'")
  })

  it('starts on the schedules of the triggers, and removes the workflow with the last of them', async () => {
    const { root } = await repositoryWith(hub)
    const learn = '.github/workflows/learn.yml'
    const cron = '30 4 * * 1'
    write(
      root,
      'mlops/pipeline.yaml',
      `${pipelineYaml(hub)}triggers: { a: { cron: "${cron}" }, b: { cron: "${cron}" } }\n`,
    )
    await writeWorkflows(root)
    expect(parse(readFileSync(join(root, learn), 'utf8')).on).toEqual({ schedule: [{ cron }] })
    write(root, 'mlops/pipeline.yaml', pipelineYaml(hub))
    expect((await writeWorkflows(root)).removed).toEqual([learn])
    expect([existsSync(join(root, learn)), gitStatus(root)]).toEqual([false, ''])
  })

  it('proposes what continuous learning prepares if a schedule leads to it and there are actions', async () => {
    const { root } = await repositoryWith(hub)
    const learn = '.github/workflows/learn.yml'
    const jobs = async (stage: string) => {
      const triggers = 'triggers: { a: { cron: "0 3 * * *" }, b: { cron: "30 4 * * 1", action: continuous_learn } }\n'
      write(root, 'mlops/pipeline.yaml', `${pipelineYaml(hub).replace('] } }', `] }${stage} }`)}${triggers}`)
      await writeWorkflows(root)
      return parse(readFileSync(join(root, learn), 'utf8')).jobs
    }
    expect(Object.keys(await jobs(''))).toEqual(['release'])
    const { learn: job } = await jobs(', continuous_learn: { actions: [archive_previous_version] }')
    expect(job.steps.at(-1).if).toContain('["30 4 * * 1"]')
  })

  it('updates a deleted workflow that was restored from Git', async () => {
    const { root } = await repositoryWith(hub)
    await writeWorkflows(root)
    const before = readFileSync(join(root, train), 'utf8')
    rmSync(join(root, train))
    await writeWorkflows(root, { branch: 'trunk' })
    write(root, train, before)
    expect((await writeWorkflows(root)).updated).toEqual([train])
    expect(parse(readFileSync(join(root, train), 'utf8')).on.push).toEqual({ branches: ['trunk'] })
  })

  it('removes what nothing needs also if the checkout has other line ends', async () => {
    const { root } = await repositoryWith(hub)
    const learn = '.github/workflows/learn.yml'
    write(root, 'mlops/pipeline.yaml', `${pipelineYaml(hub)}triggers: { a: { cron: "30 4 * * 1" } }\n`)
    await writeWorkflows(root)
    edit(root, learn, (text) => text.replaceAll('\n', '\r\n'))
    write(root, 'mlops/pipeline.yaml', pipelineYaml(hub))
    expect((await writeWorkflows(root)).removed).toEqual([learn])
  })

  it('refuses to rewrite a file that is not UTF-8, which would lose bytes', async () => {
    const { root } = await repositoryWith(hub)
    await writeWorkflows(root)
    const mine = Buffer.concat([readFileSync(join(root, train)), Buffer.from('# caf\u00e9\n', 'latin1')])
    writeFileSync(join(root, train), mine)
    await expect(writeWorkflows(root, { branch: 'trunk' })).rejects.toMatchObject({ code: 'invalid-config' })
    expect(readFileSync(join(root, train)).equals(mine)).toBe(true)
    expect(gitStatus(root)).toBe(` M ${train}\n`)
  })

  it.each(['1.0', 'true', 'release/1.x'])('releases from a branch named %s', async (branch) => {
    const { root } = await repositoryWith(hub)
    await writeWorkflows(root, { branch, runner: '24,gpu' })
    expect(parse(readFileSync(join(root, train), 'utf8')).on.push).toEqual({ branches: [branch] })
    const { jobs } = parse(readFileSync(join(root, '.github/workflows/pipeline.yml'), 'utf8'))
    expect(jobs.train['runs-on']).toEqual(['24', 'gpu'])
  })

  it('keeps the line ends of an edited file', async () => {
    const { root } = await repositoryWith(hub)
    await writeWorkflows(root)
    edit(root, train, (text) => `# mine\r\n${text.replaceAll('\n', '\r\n')}`)
    write(root, 'mlops/pipeline.yaml', pipelineYaml('github: { release: true }'))
    expect((await writeWorkflows(root)).merged).toEqual([train])
    const text = readFileSync(join(root, train), 'utf8')
    expect([text.includes('HF_TOKEN'), text.startsWith('# mine\r\n'), /[^\r]\n/.test(text)]).toEqual([
      false,
      true,
      false,
    ])
  })

  it('gives each project of a repository its own files, and refuses two with one name', async () => {
    const { root, directory } = await repositoryWith(hub, 'models/spam')
    write(join(root, 'models-spam'), 'mlops/pipeline.yaml', pipelineYaml(hub))
    const { added } = await writeWorkflows(directory)
    expect(added).toContain('.github/workflows/train-models-spam.yml')
    const text = readFileSync(join(root, '.github/workflows/pipeline-models-spam.yml'), 'utf8')
    expect(text).toContain('sheikh --project=models/spam run')
    expect(text).toContain('path: "models/spam/.sheikh"')
    const report = readFileSync(join(root, '.github/workflows/report-models-spam.yml'), 'utf8')
    expect(report).toContain('"--check-name=sheikh review models/spam"')
    await expect(writeWorkflows(join(root, 'models-spam'))).rejects.toMatchObject({ code: 'invalid-config' })
  })

  it.each<[string, WorkflowOptions]>([
    ['an expression as branch', { branch: '${{ github.token }}' }],
    ['a quote in the branch', { branch: "main' || true || '" }],
    ['a line break in the runner', { runner: 'ubuntu-latest\n    env: {}' }],
  ])('refuses %s', async (_, options) => {
    const { root } = await repositoryWith(hub)
    await expect(writeWorkflows(root, options)).rejects.toMatchObject({ code: 'invalid-options' })
    expect(gitStatus(root)).toBe('')
  })

  it('writes through no link', async () => {
    const { root } = await repositoryWith(hub)
    const elsewhere = temporaryFolder()
    symlinkSync(elsewhere, join(root, '.github'))
    await expect(writeWorkflows(root)).rejects.toMatchObject({ code: 'invalid-config' })
    expect(existsSync(join(elsewhere, 'workflows'))).toBe(false)
  })

  it('installs by the lockfile that pins the package', async () => {
    const { root, directory } = await repositoryWith(hub, 'models/spam')
    write(root, 'package-lock.json', '{ "packages": { "node_modules/sheikh-freemium": {} } }')
    await writeWorkflows(directory)
    const setUp = readFileSync(join(root, '.github/actions/sheikh-models-spam/action.yml'), 'utf8')
    expect(setUp).toContain('npm ci')
    expect(setUp).toContain('if [ -f "."/package-lock.json ]')
  })
})

describe('mergeText', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd', ''), { maxLength: 12 }).map((all) => all.join('\n'))

  it('takes the only side that changed', () => {
    fc.assert(
      fc.property(lines, lines, (base, changed) => {
        expect(mergeText(changed, base, base)).toEqual({ text: changed })
        expect(mergeText(base, base, changed)).toEqual({ text: changed })
        expect(mergeText(changed, base, changed)).toEqual({ text: changed })
      }),
    )
  })

  it('names lines of the edited file', () => {
    expect(mergeText('a\nmine\nc', 'a\nb\nc', 'a\ntheirs\nc')).toEqual({ conflictLines: [2] })
  })
})
