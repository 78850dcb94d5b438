import { tunableSettings } from './keys.js'

const checks = {
  accuracy_threshold: 'The lower bound of accuracy reaches this floor, 0 to 1.',
  beats_majority: 'The candidate is better than always predicting the most frequent label.',
  regression_check:
    'The candidate is at most a margin worse than the current and the best release, overall and in each slice. true: margin 0.02.',
  weight_integrity: 'Every file is complete and loads without running code.',
  no_new_failures: 'Every item that the released model answers correctly is still correct. true: 0 exceptions allowed.',
  improves: 'The candidate is significantly better than the released model.',
  calibration: 'The average difference between confidence and accuracy is at most maximum_error. true: 0.1.',
  latency: 'The quantile of 300 single predictions is at most maximum_ms. Default quantile: 0.95.',
  size: 'The weights have at most maximum_bytes.',
}

const actions = (initially: string) => `fail, warn or off. Default: ${initially}.`

const below = (path: string, descriptions: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(descriptions).map(([name, text]) => [`${path}.${name}`, text]))

/** What each key with an effect does, by its path from the top of the file. For editors; docs/configuration.md says more. */
export const keyDescriptions: Readonly<Record<string, string>> = {
  // mlops/pipeline.yaml
  ...below('pipeline', { name: 'Salt of `sheikh evaluation pin`. Default: sheikh.' }),
  ...below('triggers', {
    paths: 'Globs relative to the project. A changed file that one of them matches leads to a run. "!" excludes.',
    cron: 'A schedule of five fields, which `sheikh run --if-triggered --schedule` selects.',
    drift:
      'The schedule fires only if answers of the release drift from its training data: { feedback: <folder>, window: 7d, minimum_effect: 0.1, level: 0.05 }.',
    action:
      'full_train: train even if nothing changed. continuous_learn: a run, then stages.continuous_learn. Any other: a run, which trains only if its input changed.',
  }),
  ...below('stages.continuous_learn', {
    actions: 'What `sheikh learn` does after its run. Default: nothing.',
    feedback: 'The folder with the feedback, for prepare_next_iteration.',
  }),
  ...below('stages.train.config', {
    learning_rate: 'Peak learning rate. mlops/training/config.yaml takes precedence.',
    batch_size: 'Examples per batch. mlops/training/config.yaml takes precedence.',
    epochs: 'Number of epochs. mlops/training/config.yaml takes precedence.',
    gradient_accumulation: 'Batches per step. mlops/training/config.yaml takes precedence.',
  }),
  ...below('stages.validate_weights', {
    checks: 'The checks of the gate. Default: beats_majority, regression_check and weight_integrity.',
    when_inconclusive:
      'What a run does if there is not enough data: ask a person, hold the candidate, or release. Default: ask.',
    maximum_evaluations: 'How many candidates one evaluation set may judge. Default: no limit.',
    on_failure:
      'rollback: undo the release if one of your own stages that read it fails. Default: notify, which keeps it.',
  }),
  ...below('stages.validate_weights.checks', {
    ...checks,
    benchmark_suite: 'Slices that reach their own floor, which mlops/training/config.yaml sets.',
  }),
  ...below('stages.release', {
    targets: 'Where releases go. Default: the folder releases.',
    channel: 'The channel that a run points at its release. Default: latest.',
  }),
  ...below('stages.release.targets.directory', { path: 'The folder, relative to the project.' }),
  ...below('stages.release.targets.huggingface', {
    repo: 'Repository on the Hugging Face Hub, such as team/model.',
    type: 'model or dataset. Default: model.',
    create: 'Create the repository, private or public, if it does not exist. Default: do not create it.',
    tag_format: 'Format of the tag, with {version}.',
    license: 'License in the model card.',
  }),
  ...below('stages.release.targets.github', {
    release: 'Publish GitHub releases.',
    repo: 'Repository, such as team/model. Default: the remote of this repository.',
    tag_format: 'Format of the tag, with {version}.',
  }),
  ...below('stages.release.targets.s3', {
    address: 'Bucket and prefix, such as s3://models/mail.',
    endpoint: 'Address of a server other than AWS, with its scheme.',
    region: 'Region of the bucket.',
  }),
  ...below('stages.release.versioning', {
    auto_increment: 'The part of the version that every release raises. Default: by what changed.',
    prerelease: 'Identifier of pre-release versions: rc gives 1.3.0-rc.0.',
  }),
  ...below('artifacts.storage', {
    retention_days: '`sheikh gc` keeps releases that are younger than this many days.',
    keep_last: 'How many releases `sheikh gc` keeps.',
  }),
  ...below('artifacts.checkpoints', {
    save_frequency: 'Steps between checkpoints, or epoch. mlops/training/config.yaml takes precedence.',
    keep_last: 'Number of checkpoints to keep. mlops/training/config.yaml takes precedence.',
  }),
  ...below('notifications.slack', {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the syntax of the configuration
    webhook: 'Address of an incoming webhook, such as ${{ secrets.SLACK_WEBHOOK }}.',
    events: 'What is sent. Default: every outcome of a run.',
  }),
  ...below('notifications.email', {
    recipients: 'One address, or a list.',
    from: 'The sender. Default: SMTP_FROM.',
    smtp: 'The server, such as smtps://user:password@smtp.example.com. Default: SMTP_URL.',
    events: 'What is sent. Default: every outcome of a run.',
  }),
  ...below('notifications.webhook', {
    url: 'Where the messages are posted as JSON.',
    secret: 'Signs them: whsec_ and at least 24 bytes in base64.',
    events: 'What is sent. Default: every outcome of a run.',
  }),
  ...below('notifications.github_issue', {
    events: 'What opens an issue. Default: every problem.',
    labels: 'Labels of the issues. The first one finds them again. Default: sheikh.',
  }),
  ...below('ledger', {
    remote: 'The Git remote of the ledger. false keeps it local. Default: origin, if it exists.',
    branch: 'The branch of the ledger. Default: sheikh-ledger.',
  }),

  // mlops/validation/*.yaml; the same group is in mlops/training/config.yaml and dataset/config.yaml, with other keys
  ...below('validation', {
    ...checks,
    metrics: 'Metrics to report, such as f1 or log_loss. They do not affect the verdict.',
    benchmarks: 'Slices and their floors, 0 to 1.',
    schema_path: 'JSON Schema of a sample. Resolved from the project folder first, then from dataset/.',
  }),
  ...below('validation.benchmarks', { name: 'The slice.', threshold: 'Its floor, 0 to 1.' }),

  // mlops/training/config.yaml
  ...below('model', {
    architecture: 'text-classifier or llama. Default: text-classifier.',
    base: 'Folder of the base of a language model.',
    base_digest: 'Digest of that base.',
    from_scratch: 'Start a language model from random weights.',
    answer: 'What a language model answers: one of given choices, or text.',
  }),
  ...below('data', {
    train_path: 'Folder, file or glob with the samples, below dataset/. Default: dataset/samples.',
    validation_split: 'Share of the training rows reserved for early stopping, 0 to 0.9. Default: none.',
    max_samples: 'Maximum number of training rows. -1 or null: no limit.',
    categories: 'Categories to train on. Default: all.',
  }),
  ...below('training', {
    learning_rate: "Peak learning rate. Default: the model's.",
    weight_decay: "Weight decay of AdamW, or of each text for the text classifier. Default: the model's.",
    warmup_ratio: 'Share of all steps in which the learning rate rises from 0. Default: 0.',
    max_grad_norm: 'Maximum norm of all gradients together. Default: no limit.',
    per_device_train_batch_size: "Examples per batch. Default: the model's.",
    per_device_eval_batch_size: 'Batch size for development rows and for prediction.',
    gradient_accumulation_steps: 'Batches per step. Default: 1.',
    num_train_epochs: "Number of epochs. Default: the model's.",
    max_steps: 'Number of steps. Replaces epochs. -1: no limit.',
    optim: 'The optimizer. Only AdamW has an effect.',
    lr_scheduler_type: 'How the learning rate falls. Default: linear.',
    fp16: 'Only false has an effect: arithmetic is float32.',
    bf16: 'Only false has an effect: arithmetic is float32.',
    lora: 'Train a low-rank adapter of a language model.',
    maximum_length: 'Longest sequence of a language model, in tokens.',
    packing: 'Pack several examples of a language model into one sequence.',
    completion_only: 'A language model learns from the answer only, not from the prompt.',
    dtype: "Number format of a language model's released weights.",
    save_strategy: 'When checkpoints are written: no, steps or epoch. Default: every 300 seconds.',
    save_steps: 'Steps between checkpoints.',
    save_total_limit: 'Number of checkpoints to keep. Default: 2.',
    early_stopping_patience: 'Stop after this many checks without improvement of the development loss.',
    evaluation_strategy: 'When the development loss is checked: epoch or steps. Default: epoch.',
    eval_steps: 'Steps between checks of the development loss. Default: 500.',
    logging_steps: 'Steps between reports of progress. Does not affect the result.',
    report_to: 'tensorboard, mlflow, both or none. Default: none.',
    warm_start: 'The release to start from. Default: none.',
    device: 'Where to train. Default: wasm.',
    seed: 'Seed for shuffling and initial weights. Default: 0.',
  }),
  ensemble:
    'Several models that answer as one: how they are combined, and the members by name, each with the settings that it has otherwise than training, or with a release.',
  candidates:
    'Further candidates of each run, by name: the settings that each has otherwise than training. The best that passes the gate is released.',
  ...below('training.warm_start', {
    version: 'Version of the release.',
    digest: 'Digest of the release.',
    replay_share: 'Share of its rows to train on again, 0 to 1. Default: 1.',
  }),
  ...below('output', {
    dir: 'Folder for releases, if mlops/pipeline.yaml names no target.',
    model_name: 'Title of the model card on the Hub.',
    push_to_hub: 'Release to hub_repo, if mlops/pipeline.yaml names no target.',
    hub_repo: 'Repository on the Hugging Face Hub.',
    export: 'Further formats of the weights: onnx, for the text classifier.',
  }),

  // dataset/config.yaml
  samples:
    'Globs of the samples, relative to the project: data/**/*.parquet, or a list below one folder. Or a dataset of the Hub: hf:datasets/owner/name@<commit>. Default: dataset/samples.',
  ...below('dataset', {
    license: 'License of the samples that name none, and of the data in model cards.',
    source: 'Source of the samples that name none.',
  }),
  ...below('categories', {
    license: 'License of the samples in this folder that name none.',
    source: 'Source of the samples in this folder that name none.',
  }),
  ...below('quality', {
    secret: `What looks like a password, key or token. ${actions('fail')}`,
    leakage: `Training samples that are equal or similar to samples of the evaluation set. { action, similarity: 0.8 }. ${actions('fail')}`,
    license: `Licenses that are not in the list, and samples without one. { action, allowed: [CC-BY-4.0], field: license }. ${actions('off, or fail with a list')}`,
    source: `Sources that are not in the list, and samples without one. { action, allowed: [support-desk], field: source }. ${actions('off, or fail with a list')}`,
    label_conflict: `Equal or similar inputs with different labels. { action, similarity: 0.8 }. ${actions('warn')}`,
    label_error: `Labels that are probably wrong. { action, minimum_probability: 0.7 }. ${actions('warn')}`,
    duplicate: `Equal or similar inputs. { action, similarity: 0.8 }. ${actions('warn')}`,
    balance: `Labels with few training samples. { action, minimum_rows: 5, maximum_ratio: 100 }. ${actions('warn')}`,
    drift: `Labels and slices of the samples that came or went since the release. { action, level: 0.01, minimum_effect: 0.2, minimum_rows: 20 }. ${actions('warn')}`,
    relabelled: `Training samples that have another label than in the release. { action, maximum_share: 0.01, minimum_rows: 20 }. ${actions('warn')}`,
    empty_text: `Inputs without a visible character. ${actions('warn')}`,
    oversized_text: `Long inputs. { action, maximum_characters: 100000 }. ${actions('warn')}`,
    token_limit: `Prompts and answers with more tokens than the limit. { action, maximum_tokens, tokenizer: models/base }. ${actions('warn')}`,
    charset: `Damaged characters. ${actions('warn')}`,
    personal_data: `Personal data. { action, kinds: [email, phone, iban, card] }. ${actions('off')}`,
  }),
  ...below('projection', {
    id: 'The sample field that identifies a sample.',
    input: 'The sample field, or template such as prompts/training/x.txt, that the model reads. Default: text.',
    target: 'The sample field that the model predicts. Default: label.',
    group: 'The sample field that says which samples belong together.',
    slices: 'Sample fields whose values are evaluated separately.',
  }),
  features:
    'Features of samples, as they were known at the time of each sample: { timestamp, views: [{ name, files, entities, timestamp, features }] }, or { name, feast, features } for a view of Feast and { service, feast } for a feature service. `sheikh data features` joins them into dataset/features.jsonl.',
  files:
    'Sample fields that contain paths of files, such as [image]. Paths are relative to dataset/. The files are checked, and their content is part of the data.',
  ...below('prompts.limits', {
    steps:
      'Work for rendering one sample: statements, expressions, and work on 8 items or 64 characters. Default: 1000000.',
    characters: 'Characters of one rendered sample. Default: 10000000.',
    total_characters: 'Characters of all rendered samples together. Default: 4000000000.',
    seconds: 'Seconds for rendering one sample, if it is rendered in a thread. Default: 60.',
  }),
  ...below('csv', {
    separator: 'The character between the fields of CSV and TSV files. Default: recognized by the header.',
    quote: 'The character around fields. Empty: no field is quoted. Default: ".',
    charset: 'The encoding of CSV and TSV files. Default: UTF-8, or UTF-16 after a byte order mark.',
  }),
  // mlops/tuning.yaml
  ...below('tuning', {
    trials: 'Number of trials. Default: 40.',
    parallel:
      'How many trials may run at once. Trial n is suggested from the results up to n - parallel, so the result depends on it. Default: 1.',
    workers:
      'How many trials run at once, each in a process of its own; 1: in the process of the search. Does not affect the result. Default: parallel, at most the number of processors.',
    sampler: 'tpe, random or grid. Default: tpe.',
    metric: 'The metric to improve, on the development rows. Default: accuracy; exact_match if the model writes text.',
    name: 'The name of the study, which continues after an interruption. Default: study.',
    asha: 'Ends poor trials early: { resource: num_train_epochs, min: 1, max: 9, reduction: 3 }. The resource is num_train_epochs or max_steps.',
  }),
  ...below(
    'space',
    Object.fromEntries(
      tunableSettings.map((name) => [
        name,
        `What to try for training.${name} of mlops/training/config.yaml: a list of values, or for numbers a range such as { low: 0.1, high: 10, log: true, step: … }.`,
      ]),
    ),
  ),
}
