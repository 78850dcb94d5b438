// The API reference, from the types and docstrings of every entry of the package and the pages beside this file: npm run docs
import { OptionDefaults } from 'typedoc'

const entries = [
  'index',
  'repository',
  'huggingface',
  'github',
  's3',
  'notify',
  'tfjs',
  'signing',
  'statistics',
  'drift',
  'feedback',
  'experiment',
  'serve',
  'tune',
  'ensemble',
  'execute',
  'testing',
]

export default {
  name: 'Sheikh-Freemium',
  entryPoints: entries.map((name) => `../src/${name}.ts`),
  projectDocuments: ['*.md'],
  tsconfig: '../tsconfig.json',
  out: '../api-reference',
  blockTags: [...OptionDefaults.blockTags, '@ts-ignore'],
  highlightLanguages: [...OptionDefaults.highlightLanguages, 'diff', 'jinja', 'jsonl', 'sh', 'py'],
  disableSources: true,
  treatWarningsAsErrors: true,
}
